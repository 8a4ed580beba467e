//! Keys of service account tokens: every API server verifies by every key that signs (`--service-account-key-file` takes several).
//!
//! Source: kubernetes/kubernetes cmd/kube-apiserver, options of service accounts; kubernetes/kubernetes#72026, #110035.

use super::super::effect::{Effect, Place};
use super::super::program::{Process, Program};
use super::super::step::{Command, Reason, Step};
use super::{Site, Task, Tasks, restarts};
use crate::model::{Code, Role, Slot};
use std::collections::BTreeSet;

pub(super) fn steps(site: &Site<'_>, tasks: &mut Tasks<'_>) -> Vec<Step> {
    let mine = tasks.take(|task| task.finding.code == Code::ServiceAccountKeyMismatch);
    let keys = |host| site.places(Role::ServiceAccountKey, Slot::Key, host);
    let concerned: BTreeSet<Option<&str>> = mine.iter().map(|task| site.host(task.place)).collect();
    let hosts: Vec<Option<&str>> = site.hosts().into_iter().filter(|host| concerned.contains(host)).collect();
    let all: Vec<Place> = hosts.iter().flat_map(|host| keys(*host)).collect();
    let mut steps = Vec::new();
    let mut verifying = Vec::new();
    for host in &hosts {
        let public = site.places(Role::ServiceAccountPublicKey, Slot::Trust, *host).into_iter().next();
        let (Some(public), Some(key)) = (public, keys(*host).into_iter().next()) else { continue };
        let others: Vec<&str> = hosts.iter().filter(|other| *other != host).filter_map(|other| *other).collect();
        steps.extend(host.map(|to| brought(site, to, public, &others)).filter(|step| !step.commands.is_empty()));
        verifying.push(verified(site, *host, (public, key), &others, &all, &mine));
        let process = Process::new(Program::Apiserver, *host);
        verifying
            .push(restarts::of_process(site, &process).because([Reason::wanted("has to know the keys that the others sign by")]));
    }
    steps.extend(verifying);
    steps
}

/// Public keys of the other hosts, brought beside a host's own.
fn brought(site: &Site<'_>, to: &str, public: Place, others: &[&str]) -> Step {
    let path = site.path(public).replace('@', "");
    let step = Step::new(&format!("sa-carry-{to}"), None, format!("bring the others' public keys to {to}"))
        .because([Reason::wanted("tokens that they signed are refused there")]);
    others.iter().fold(step, |step, from| {
        step.on(format!("{to}: {path}.{from}")).run(Command::carry(from, &path, to, &format!("{path}.{from}")))
    })
}

/// The host verifies by its own key and by the others'.
fn verified(
    site: &Site<'_>,
    host: Option<&str>,
    (public, key): (Place, Place),
    others: &[&str],
    all: &[Place],
    tasks: &[Task<'_>],
) -> Step {
    let (path, own) = (site.path(public), site.path(key));
    let brought: Vec<String> = others.iter().map(|other| format!("{path}.{other}")).collect();
    let mut step = Step::new("sa-verify", host, "verify tokens by every key that signs them")
        .on(path.trim_start_matches('@').to_owned())
        .because(site.reasons(tasks))
        .run(Command::files(format!("(openssl pkey -in {own} -pubout; cat {path} {}) > {path}.all", brought.join(" "))))
        .run(Command::files(format!("install -m 600 {path}.all {path}")))
        .check(
            Command::files(format!("grep -qF \"$(openssl pkey -in {own} -pubout | sed -n 2p)\" {path}")),
            "the signing key is among them",
        )
        .effect(Effect::Verify { keys: all.to_vec(), at: public });
    step = step.run(Command::files(format!("rm -f {path}.all {}", brought.join(" "))));
    step.needs("once no token of the other keys is in use, let all hosts sign by one key (copy sa.key, then sa.pub)", false)
}
