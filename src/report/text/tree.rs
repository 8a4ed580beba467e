//! Branches of a tree.

use super::line::Text;

/// Where a line stands among its siblings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Branch {
    /// More siblings follow.
    More,
    /// The last one.
    Last,
}

impl Branch {
    /// The branch of sibling `number` of `count`.
    pub(super) fn of(number: usize, count: usize) -> Self {
        if number + 1 < count { Self::More } else { Self::Last }
    }

    /// What stands before a node whose parent's lines begin with `trunk`.
    pub(super) fn lead(self, trunk: &Text) -> Text {
        trunk.clone().say(if self == Self::More { "├─ " } else { "└─ " })
    }

    /// What stands before everything below that node.
    pub(super) fn trunk(self, trunk: &Text) -> Text {
        trunk.clone().say(if self == Self::More { "│  " } else { "   " })
    }
}
