//! One step for each thing, however many findings tell of it; and each step with a name of its own, however much things are called alike.

use super::super::step::{Reason, Step};
use std::collections::{HashMap, HashSet};
use std::hash::Hash;

/// Steps, by the things that they are about.
pub(super) struct Each<K> {
    steps: Vec<(Step, Vec<Reason>)>,
    known: HashMap<K, usize>,
    names: HashSet<String>,
    /// How often a name was asked for.
    asked: HashMap<String, usize>,
}

impl<K: Eq + Hash> Each<K> {
    /// None yet.
    pub(super) fn new() -> Self {
        Self { steps: Vec::new(), known: HashMap::new(), names: HashSet::new(), asked: HashMap::new() }
    }

    /// One more reason for the step of this thing. Where there is none yet it is made, under this name made fit for a script, with a number
    /// behind it where another thing has that name.
    pub(super) fn add(&mut self, thing: K, reason: Reason, name: &str, make: impl FnOnce(&str) -> Step) -> &mut Step {
        let next = self.steps.len();
        let at = self.known.get(&thing).copied().unwrap_or(next);
        if at == next {
            let step = make(&self.unique(name));
            self.steps.push((step, Vec::new()));
            self.known.insert(thing, next);
        }
        let (step, reasons) = &mut self.steps[at];
        reasons.push(reason);
        step
    }

    /// All of them, in the order in which they were made.
    pub(super) fn steps(self) -> Vec<Step> {
        self.steps.into_iter().map(|(step, reasons)| step.because(reasons)).collect()
    }

    fn unique(&mut self, name: &str) -> String {
        let fit = name.replace(|c: char| !c.is_ascii_alphanumeric(), "-");
        let fit = fit.trim_matches('-');
        loop {
            let asked = self.asked.entry(fit.to_owned()).or_default();
            *asked += 1;
            let name = if *asked == 1 { fit.to_owned() } else { format!("{fit}-{asked}") };
            if self.names.insert(name.clone()) {
                return name;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn things_called_alike_are_steps_of_their_own() {
        let mut each = Each::new();
        for (thing, name) in [(1, "a.b"), (2, "a-b"), (1, "a.b"), (3, "a/b"), (4, "a-b-2"), (5, "-a b-")] {
            each.add(thing, Reason::wanted(format!("of {thing}")), name, |id| Step::new(id, None, name));
        }
        let steps: Vec<_> = each.steps().into_iter().map(|step| (step.id, step.title, step.reasons.len())).collect();
        let wanted = [("a-b", "a.b"), ("a-b-2", "a-b"), ("a-b-3", "a/b"), ("a-b-2-2", "a-b-2"), ("a-b-4", "-a b-")];
        assert_eq!(steps, wanted.map(|(id, title)| (id.to_owned(), title.to_owned(), 1)));
    }
}
