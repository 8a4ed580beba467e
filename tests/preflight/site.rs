//! What is put before preflight: the file systems of hosts, dumps of API objects, and single files beside them.

use kcert::mint::Identity;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

/// What stands at a path of a host.
#[derive(Clone)]
enum Entry {
    File { text: String, mode: u32 },
    Link(String),
}

/// A host's files, by absolute path.
#[derive(Clone, Default)]
pub(crate) struct Host {
    files: BTreeMap<String, Entry>,
}

impl Host {
    /// Puts a file that everybody may read.
    pub(crate) fn open(&mut self, path: &str, text: impl Into<String>) -> &mut Self {
        self.put(path, text.into(), 0o644)
    }

    /// Puts a file that its owner alone may read.
    pub(crate) fn secret(&mut self, path: &str, text: impl Into<String>) -> &mut Self {
        self.put(path, text.into(), 0o600)
    }

    fn put(&mut self, path: &str, text: String, mode: u32) -> &mut Self {
        assert!(path.starts_with('/'), "{path} is no path of a host");
        self.files.insert(path.to_owned(), Entry::File { text, mode });
        self
    }

    /// Puts a symbolic link.
    pub(crate) fn link(&mut self, path: &str, target: &str) -> &mut Self {
        self.files.insert(path.to_owned(), Entry::Link(target.to_owned()));
        self
    }

    /// Puts certificate and key beside each other, as `STEM.crt` and `STEM.key`.
    pub(crate) fn pair(&mut self, stem: &str, identity: &Identity) -> &mut Self {
        self.open(&format!("{stem}.crt"), identity.pem()).secret(&format!("{stem}.key"), identity.key_pem().as_str())
    }

    /// Takes a file away.
    pub(crate) fn remove(&mut self, path: &str) -> &mut Self {
        assert!(self.files.remove(path).is_some(), "there is no {path}");
        self
    }

    /// Takes everything below a directory away.
    pub(crate) fn remove_below(&mut self, directory: &str) -> &mut Self {
        let before = self.files.len();
        self.files.retain(|path, _| !path.starts_with(directory));
        assert!(self.files.len() < before, "there is nothing below {directory}");
        self
    }

    /// The text of a file.
    pub(crate) fn text(&self, path: &str) -> &str {
        match self.files.get(path) {
            Some(Entry::File { text, .. }) => text,
            _ => panic!("there is no file {path}"),
        }
    }

    /// Rewrites a file, which must change by it; its mode stays.
    pub(crate) fn rewrite(&mut self, path: &str, with: impl FnOnce(&str) -> String) -> &mut Self {
        let Some(Entry::File { text, .. }) = self.files.get_mut(path) else { panic!("there is no file {path}") };
        let rewritten = with(text);
        assert_ne!(*text, rewritten, "{path} is as before");
        *text = rewritten;
        self
    }

    /// Replaces words in a file.
    pub(crate) fn replace(&mut self, path: &str, from: &str, to: &str) -> &mut Self {
        self.rewrite(path, |text| text.replace(from, to))
    }

    /// Changes the mode of a file.
    pub(crate) fn chmod(&mut self, path: &str, to: u32) -> &mut Self {
        let Some(Entry::File { mode, .. }) = self.files.get_mut(path) else { panic!("there is no file {path}") };
        *mode = to;
        self
    }

    fn write(&self, below: &Path) {
        fs::create_dir_all(below).unwrap();
        for (path, entry) in &self.files {
            let path = below.join(path.trim_start_matches('/'));
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            match entry {
                Entry::Link(target) => symlink(target, &path).unwrap(),
                Entry::File { text, mode } => {
                    fs::write(&path, text).unwrap();
                    fs::set_permissions(&path, fs::Permissions::from_mode(*mode)).unwrap();
                }
            }
        }
    }
}

/// Everything of one cluster that preflight is shown.
#[derive(Default)]
pub(crate) struct Site {
    /// Hosts in order, by name.
    pub(crate) hosts: Vec<(String, Host)>,
    /// What was minted: CAs by label, others by `HOST:LABEL`.
    pub(crate) made: BTreeMap<String, Identity>,
    /// API objects; together they are one `List`.
    pub(crate) objects: Vec<Value>,
    /// Files given as SOURCE, by name.
    pub(crate) sources: Vec<(String, String)>,
}

impl Site {
    /// A host.
    pub(crate) fn host(&mut self, name: &str) -> &mut Host {
        let position = self.hosts.iter().position(|(host, _)| host == name).unwrap_or_else(|| {
            self.hosts.push((name.to_owned(), Host::default()));
            self.hosts.len() - 1
        });
        &mut self.hosts[position].1
    }

    /// The first host.
    pub(crate) fn first(&mut self) -> &mut Host {
        &mut self.hosts[0].1
    }

    /// What was minted under a label: a CA, something of the named host (`cp-2:apiserver`), or else of the first.
    pub(crate) fn made(&self, label: &str) -> &Identity {
        let of_first = || self.made.get(&format!("{}:{label}", self.hosts.first()?.0));
        self.made.get(label).or_else(of_first).unwrap_or_else(|| panic!("nothing was minted as {label}"))
    }

    /// Gives one more file as SOURCE.
    pub(crate) fn source(&mut self, name: &str, text: impl Into<String>) {
        self.sources.push((name.to_owned(), text.into()));
    }

    /// Adds API objects.
    pub(crate) fn add(&mut self, objects: impl IntoIterator<Item = Value>) {
        self.objects.extend(objects);
    }

    /// Writes everything below a directory; the arguments that point at it.
    pub(crate) fn write(&self, below: &Path) -> Vec<String> {
        let mut arguments = Vec::new();
        for (name, host) in &self.hosts {
            let root = below.join(name);
            host.write(&root);
            let root = root.to_str().unwrap();
            arguments.push("--root".to_owned());
            arguments.push(if self.hosts.len() > 1 { format!("{name}={root}") } else { root.to_owned() });
        }
        let mut source = |name: &str, text: &str| {
            let path = below.join("sources").join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
            arguments.push(path.to_str().unwrap().to_owned());
        };
        for (name, text) in &self.sources {
            source(name, text);
        }
        if !self.objects.is_empty() {
            let list =
                json!({ "apiVersion": "v1", "kind": "List", "items": self.objects, "metadata": { "resourceVersion": "" } });
            source("objects.json", &format!("{list:#}\n"));
        }
        arguments
    }
}
