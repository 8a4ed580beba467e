//! A component's command line, and where the paths on it lead on the host.

use super::flags::COMPONENTS;
use super::words;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A command line of a known component.
#[derive(Clone, Debug)]
pub(super) struct Command {
    component: &'static str,
    words: Vec<String>,
    /// Where it is written, as shown to the user.
    pub(super) written_in: Arc<str>,
    /// The tag of the image that it is started from.
    pub(super) version: Option<Box<str>>,
    mounts: Vec<Mount>,
}

/// A directory or file of the host that a container sees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mount {
    /// Its path in the container.
    pub(super) inside: PathBuf,
    /// The host path.
    pub(super) outside: PathBuf,
}

impl Command {
    /// The command of a known component with these arguments.
    pub(super) fn of(component: &str, words: Vec<String>, written_in: impl Into<Arc<str>>) -> Self {
        let component = known(component).unwrap_or_default();
        Self { component, words, written_in: written_in.into(), version: None, mounts: Vec::new() }
    }

    /// Finds the component in a whole command line: the first word, or what a shell or a wrapper is told to run.
    pub(super) fn find(line: Vec<String>, written_in: impl Into<Arc<str>>) -> Option<Self> {
        let line = match line.iter().position(|word| word == "-c") {
            Some(at) if line.first().is_some_and(|shell| is_shell(shell)) => words::split(line.get(at + 1)?),
            _ => line,
        };
        let at = line.iter().position(|word| known(word).is_some())?;
        let component = line.get(at)?.clone();
        Some(Self::of(&component, line.into_iter().skip(at + 1).collect(), written_in))
    }

    /// The same command in a container that sees these mounts.
    pub(super) fn with_mounts(self, mounts: Vec<Mount>) -> Self {
        Self { mounts, ..self }
    }

    /// The same command from an image: `registry.k8s.io/kube-apiserver:v1.32.4@sha256:…`.
    pub(super) fn with_image(self, image: Option<&str>) -> Self {
        let name = image.and_then(|image| image.split('@').next()?.rsplit('/').next());
        Self { version: name.and_then(|name| name.split_once(':')).map(|(_, tag)| tag.into()), ..self }
    }

    /// The same command with what the environment says in place of flags: `ETCD_CERT_FILE` for `--cert-file` (etcd, "Configuration
    /// options"; the flags win).
    pub(super) fn with_variables(mut self, environment: &HashMap<String, String>) -> Self {
        if self.component != "etcd" {
            return self;
        }
        let flag = |name: &str| Some(format!("--{}", name.strip_prefix("ETCD_")?.to_ascii_lowercase().replace('_', "-")));
        let given: Vec<String> = self.flags().map(|(name, _)| name).collect();
        let said = environment.iter().filter_map(|(name, value)| Some((flag(name)?, value)));
        let mut words: Vec<String> =
            said.filter(|(name, _)| !given.contains(name)).map(|(name, value)| format!("{name}={value}")).collect();
        words.sort_unstable();
        self.words.extend(words);
        self
    }

    /// The same command with what its configuration file says, written in that file.
    pub(super) fn configured(&self, words: Vec<String>, written_in: impl Into<Arc<str>>) -> Self {
        Self { words, written_in: written_in.into(), ..self.clone() }
    }

    /// The name of the program.
    pub(super) fn component(&self) -> &'static str {
        self.component
    }

    /// Whether the program is one of these.
    pub(super) fn is_one_of(&self, components: &[&str]) -> bool {
        components.contains(&self.component)
    }

    /// Flags with their values: `--flag=value` and `--flag value`; Go's programs take one dash for two. A flag without a value
    /// takes the next word here, which does no harm: no such flag names a file.
    pub(super) fn flags(&self) -> impl Iterator<Item = (String, &str)> {
        self.words.iter().enumerate().filter_map(|(at, word)| {
            let name = word.strip_prefix("--").or_else(|| word.strip_prefix('-'))?;
            let (name, value) = match name.split_once('=') {
                Some((name, value)) => (name, value),
                None => (name, self.words.get(at + 1).map(String::as_str).filter(|next| !next.starts_with('-'))?),
            };
            Some((format!("--{name}"), value.trim_matches(['"', '\''])))
        })
    }

    /// The host path of a path on the command line: through the longest mount that holds it, else the same. `None` for a relative one.
    pub(super) fn host_path(&self, path: &Path) -> Option<PathBuf> {
        if !path.is_absolute() {
            return None;
        }
        let holding = self.mounts.iter().filter(|mount| path.starts_with(&mount.inside));
        let nearest = holding.max_by_key(|mount| mount.inside.components().count());
        let mapped = nearest.and_then(|mount| Some((mount, path.strip_prefix(&mount.inside).ok()?)));
        let mapped = mapped.map(|(mount, below)| mount.outside.join(below));
        // Rebuilt from its components: without doubled slashes and dots.
        Some(mapped.as_deref().unwrap_or(path).components().collect())
    }
}

fn known(word: &str) -> Option<&'static str> {
    let name = Path::new(word).file_name()?.to_str()?;
    COMPONENTS.iter().copied().find(|component| *component == name)
}

fn is_shell(word: &str) -> bool {
    Path::new(word).file_name().is_some_and(|name| name == "sh" || name == "bash")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(line: &str) -> Option<(&'static str, Vec<String>)> {
        Command::find(words::split(line), "").map(|command| (command.component, command.words))
    }

    #[test]
    fn components_are_found_behind_paths_shells_and_wrappers() {
        let expected = Some(("kubelet", vec!["--a=b".to_owned()]));
        assert_eq!(find("/usr/bin/kubelet --a=b"), expected);
        assert_eq!(find("/bin/sh -c 'exec /usr/local/bin/kubelet --a=b'"), expected);
        assert_eq!(find("/hyperkube kubelet --a=b"), expected);
        assert_eq!(find("/usr/bin/containerd --a=b"), None);
        assert_eq!(find("sh -c"), None);
    }

    #[test]
    fn etcd_is_told_by_its_environment_what_flags_do_not_say() {
        let environment = [("ETCD_CERT_FILE", "/a"), ("ETCD_KEY_FILE", "/b"), ("HOME", "/c")];
        let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let words = |component| Command::of(component, vec!["--key-file=/d".to_owned()], "").with_variables(&environment).words;
        assert_eq!(words("etcd"), ["--key-file=/d", "--cert-file=/a"]);
        assert_eq!(words("kubelet"), ["--key-file=/d"]);
    }

    #[test]
    fn mounts_lead_to_the_host() {
        let mount = |inside: &str, outside: &str| Mount { inside: inside.into(), outside: outside.into() };
        let command = Command::of("etcd", Vec::new(), "").with_mounts(vec![
            mount("/certs", "/srv/etcd"),
            mount("/certs/peer", "/srv/peer"),
            mount("/one.crt", "/srv/one.pem"),
        ]);
        let host = |path: &str| command.host_path(Path::new(path));
        assert_eq!(host("/certs/a.crt"), Some("/srv/etcd/a.crt".into()));
        assert_eq!(host("/certs//peer/./a.crt"), Some("/srv/peer/a.crt".into()));
        assert_eq!(host("/one.crt"), Some("/srv/one.pem".into()));
        assert_eq!(host("/certsx/a"), Some("/certsx/a".into()));
        assert_eq!(host("a.crt"), None);
    }
}
