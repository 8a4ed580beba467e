//! Secrets whose certificates are issued anew: a step for each Secret, whatever stands in it.

use super::super::effect::{Authority, Lifetime, Place};
use super::super::step::Step;
use super::each::Each;
use super::{Site, Task, issue};
use crate::model::{OriginKind, Sha256};
use std::collections::HashMap;

/// Different certificates of one Secret that are issued anew, at most: real ones hold a few, and each is rehearsed.
const MOST: usize = 100;

/// The steps for these tasks, called `KIND-NAMESPACE-NAME`. What nobody signs is left.
pub(super) fn anew(
    site: &Site<'_>,
    kind: &str,
    tasks: &[Task<'_>],
    signer: impl Fn(Place) -> Option<Authority>,
    make: impl Fn(&str, Place) -> Step,
) -> Vec<Step> {
    let mut due = once_each(site, tasks);
    let mut secrets = Each::new();
    for task in tasks {
        let document = &site.holding(task.place).origin.document;
        let parts = document.source.split_once('/').filter(|_| document.kind == OriginKind::Secret);
        let (Some((namespace, name)), Some(leaf)) = (parts, site.leaf(task.place)) else { continue };
        let Some(by) = signer(task.place) else { continue };
        let name = format!("{kind}-{namespace}-{name}");
        let step = secrets.add(&*document.source, task.reason(site), &name, |id| make(id, task.place));
        if let Some(at) = due.remove(&(&*document.source, leaf.id)).filter(|_| step.effects.len() < MOST) {
            step.effects.push(issue(at, site.key(at), by, Lifetime::AsBefore));
        }
    }
    secrets.steps()
}

/// The different certificates of each Secret. To issue one puts it wherever it stands in the object, so it is done once: at the place that
/// has the key beside it, where there is one.
fn once_each<'s>(site: &'s Site<'_>, tasks: &[Task<'_>]) -> HashMap<(&'s str, Sha256), Place> {
    let mut due = HashMap::new();
    for task in tasks {
        let Some(leaf) = site.leaf(task.place) else { continue };
        let at = due.entry((&*site.holding(task.place).origin.document.source, leaf.id)).or_insert(task.place);
        if site.key(*at).is_none() && site.key(task.place).is_some() {
            *at = task.place;
        }
    }
    due
}
