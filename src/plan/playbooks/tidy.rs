//! What is mended without a new certificate: keys that others may read, chains out of order.

use super::super::effect::Effect;
use super::super::step::{Command, Step};
use super::{Site, Task, Tasks, few};
use crate::model::{Code, OriginKind};
use std::collections::BTreeMap;

pub(super) fn steps(site: &Site<'_>, tasks: &mut Tasks<'_>) -> Vec<Step> {
    let mut steps = orders(site, tasks);
    steps.extend(modes(site, tasks));
    steps
}

fn modes(site: &Site<'_>, tasks: &mut Tasks<'_>) -> Vec<Step> {
    let mut hosts: BTreeMap<Option<&str>, Vec<Task<'_>>> = BTreeMap::new();
    for task in tasks.take(|task| task.finding.code == Code::KeyExposed) {
        hosts.entry(site.host(task.place)).or_default().push(task);
    }
    hosts.into_iter().map(|(host, tasks)| mode(site, host, &tasks)).collect()
}

fn mode(site: &Site<'_>, host: Option<&str>, tasks: &[Task<'_>]) -> Step {
    let mut paths: Vec<String> = tasks.iter().map(|task| site.path(task.place)).collect();
    paths.sort_unstable();
    paths.dedup();
    let mut step = Step::new("modes", host, "let nobody but the owner read private keys").because(site.reasons(tasks));
    for path in &paths {
        step = step.on(path.trim_start_matches('@').to_owned()).run(Command::files(format!("chmod 600 {path}")));
    }
    for task in tasks {
        step = step.effect(Effect::Protect { at: task.place });
    }
    step.check(Command::files(format!("test -z \"$(find {} -perm /077)\"", paths.join(" "))), "none of them is open to others")
}

fn orders(site: &Site<'_>, tasks: &mut Tasks<'_>) -> Vec<Step> {
    let mine = tasks.take(|task| {
        let kind = site.holding(task.place).origin.document.kind;
        task.finding.code == Code::BundleOrder && matches!(kind, OriginKind::Secret | OriginKind::File)
    });
    let several = mine.len() > 1;
    let steps = mine.into_iter().enumerate().map(|(number, task)| {
        let id = if several { format!("order-{}", number + 1) } else { "order".to_owned() };
        let origin = &site.holding(task.place).origin;
        let what = origin.to_string();
        Step::new(&id, None, format!("put the chain in {what} in order"))
            .on(what.clone())
            .because([task.reason(site)])
            .run(Command::hand(format!(
                "Write the certificates of {what} in this order: the end entity, then each issuer after what it signed; whoever made it that way makes it so again."
            )))
            .effect(Effect::Order { at: task.place })
    });
    few(steps.collect(), "orders", "put a chain in order")
}
