//! Where configuration comes from, and which source wins: options, variables, the file, defaults.

use std::ffi::OsString;
use std::fs::{File, Metadata, OpenOptions};
use std::io::{ErrorKind, Read as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf, absolute};
use std::sync::Arc;

use super::decode::{self, Found, Parts};
use super::errors::{Problems, Source};
use super::problem::{Instead, Kind, Quoted, Span};
use super::providers::{self, Placed};
use super::{
    Config, ConfigErrors, ConfigFile, CostLimits, Enforcement, Host, Module, Provider, embeddings,
    encrypt, hide, metrics, pipeline, yaml,
};
use crate::audit::sha256;
use crate::redact::Policy;

/// What a configuration is made from.
#[derive(Clone)]
pub struct Sources<'a> {
    /// `--config`: this file must exist.
    pub config: Option<PathBuf>,
    /// `--listen`, before everything else.
    pub listen: Option<String>,
    /// `--data-dir`, before everything else.
    pub data_dir: Option<PathBuf>,
    /// Looks an environment variable up.
    pub env: &'a dyn Fn(&str) -> Option<OsString>,
    /// Whether the process is root's, whose data lives in `/var/lib`.
    pub root: bool,
}

impl Sources<'_> {
    /// The file that [`Config::load`] reads, if there is one.
    pub fn file(&self) -> Option<PathBuf> {
        self.config.clone().or_else(|| {
            let file = self.directory().ok()??.join(FILE_NAME);
            file.symlink_metadata().is_ok().then_some(file)
        })
    }

    /// `Err` names the source that is no directory.
    pub(crate) fn directory(&self) -> Result<Option<PathBuf>, &'static str> {
        let given = match (&self.data_dir, (self.env)("PRXY_DATA_DIR")) {
            (Some(path), _) => Some((path.clone(), "--data-dir")),
            (None, Some(path)) => Some((path.into(), "PRXY_DATA_DIR")),
            (None, None) => None,
        };
        if let Some((path, name)) = given {
            return absolute(path).map(Some).map_err(|_| name);
        }
        if self.root {
            return Ok(Some(PathBuf::from(ROOT_DIR)));
        }
        let home = (self.env)("HOME").map(PathBuf::from).filter(|home| home.is_absolute());
        Ok(home.map(|home| home.join(HOME_DIR)))
    }
}

/// The sources of a configuration, kept so that it can be read again in the same way.
#[derive(Clone, Debug)]
pub struct Origin {
    config: Option<PathBuf>,
    listen: Option<String>,
    /// `Err` names the source that is no directory.
    directory: Result<Option<PathBuf>, &'static str>,
    variables: Vec<(&'static str, OsString)>,
    /// Whether there was a file; one that was there must not be missing later.
    expects_file: bool,
    /// Where the file is; relative `ca_file`s begin there.
    folder: PathBuf,
}

/// The exact text that a configuration was read from; `None` if there is no file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text(pub Option<String>);

impl Origin {
    /// Looks every option and variable up, once and for all.
    pub fn of(sources: &Sources<'_>) -> Self {
        let directory = sources.directory();
        let file = sources.config.clone().or_else(|| {
            directory.clone().ok().flatten().map(|directory| directory.join(FILE_NAME))
        });
        let folder = file.and_then(|file| absolute(file).ok()?.parent().map(Path::to_owned));
        let variable = |name| (sources.env)(name).map(|value| (name, value));
        Self {
            config: sources.config.clone(),
            listen: sources.listen.clone(),
            directory,
            variables: VARIABLES.iter().copied().filter_map(variable).collect(),
            expects_file: sources.file().is_some(),
            folder: folder.unwrap_or_default(),
        }
    }

    /// Reads the file and checks everything.
    ///
    /// # Errors
    /// All problems at once.
    pub fn load(&self) -> Result<(Config, Text), ConfigErrors> {
        let directory = self.directory.clone().ok().flatten().unwrap_or_default();
        match self.read(&directory) {
            Ok(text) => Ok((self.parse(&text)?, text)),
            Err((file, kind)) => {
                let mut problems = Problems::default();
                problems.add(&Source::value(&shown(&file), ""), None, kind);
                // What else is wrong is told as well.
                Err(self.check(&Text(None), problems).err().unwrap_or_default())
            }
        }
    }

    /// Checks a text that [`Self::load`] has read, here or in another process; touches no file.
    ///
    /// # Errors
    /// All problems at once.
    pub fn parse(&self, text: &Text) -> Result<Config, ConfigErrors> {
        self.check(text, Problems::default())
    }

    fn check(&self, text: &Text, mut problems: Problems) -> Result<Config, ConfigErrors> {
        let data_dir = self.directory.clone().unwrap_or_else(|name| {
            problems.add(&Source::value(name, ""), None, Kind::EmptyVariable);
            Some(PathBuf::new())
        });
        if data_dir.is_none() {
            problems.add(&Source::value("prxy", ""), None, Kind::NoDataDir);
        }
        let data_dir = data_dir.unwrap_or_default();

        let (parts, file) = match &text.0 {
            Some(text) => self.parts(&self.file(&data_dir), text, &mut problems),
            None => (Parts::default(), None),
        };
        let stages = parts.pipeline.unwrap_or_else(|| pipeline::Stages {
            modules: vec![Module::airgap(), Module::Guardrails(Policy::default())],
            ..pipeline::Stages::default()
        });
        let (allowed, local) = (stages.allowed, stages.local);
        let mut pipeline = match self.variable(PIPE, &mut problems) {
            Some(source) => {
                let mut found = Found::default();
                let modules = pipeline::from_names(&source.text, stages.modules, &mut found);
                problems.extend(&source, found.0);
                modules
            }
            None => stages.modules,
        };
        let (clients, client_rules) = parts.clients;
        for module in &mut pipeline {
            if let Module::Guardrails(policy) = module {
                policy.providers.clone_from(&parts.rules);
                policy.clients.clone_from(&client_rules);
            }
        }
        let list = List { allowed: &allowed, log_only: pipeline::is_log_only(&pipeline) };
        let known = parts.providers.as_ref().map_or_else(
            || providers::built_in().into_iter().map(|provider| provider.name).collect(),
            |placed| placed.iter().map(|(_, provider)| provider.name.clone()).collect::<Vec<_>>(),
        );
        let providers = choose(parts.providers, &list, file.as_ref(), &mut problems);
        check_local(&local, &providers, file.as_ref(), &mut problems);
        if let Some(file) = &file {
            let mut found = Found::default();
            embeddings::check(&parts.embeddings, &known, &providers, &mut found);
            problems.extend(file, found.0);
        }
        check_sorts(&pipeline, &providers, (parts.clients_at, file.as_ref()), &mut problems);
        let option = self.listen.as_ref().map(|text| Source::value("--listen", text));
        let variable = self.variable(LISTEN, &mut problems);
        let mut listen = parts.listen.unwrap_or_default();
        let mut said = file.clone().zip(parts.listen_at);
        for source in [variable, option].into_iter().flatten() {
            let all = Span { start: 0, end: source.text.len() };
            match super::listen::item(&source.text) {
                Some(place) => (listen, said) = (place, Some((source, all))),
                None => {
                    let kind = Kind::BadListen(Quoted::new(&source.text));
                    problems.add(&source, Some(all), kind);
                }
            }
        }
        if let Some((source, at)) = said
            && listen.is_open()
            && clients.is_empty()
        {
            problems.add(&source, Some(at), Kind::OpenListen);
        }
        if let (Some(file), Some(at)) = (&file, parts.clients_at)
            && clients.iter().any(|client| client.limits.cost != CostLimits::default())
            && !pipeline.iter().any(|module| matches!(module, Module::CostGuard(_)))
        {
            problems.add(file, Some(at), Kind::CostWithoutGuard);
        }
        problems.check()?;
        let config_file = text
            .0
            .as_ref()
            .map(|text| ConfigFile { path: self.file(&data_dir), sha256: sha256(text.as_bytes()) });
        let demands = |module: &Module| matches!(module, Module::LocalEncrypt);
        let demanded = pipeline.iter().any(demands).then(super::Encrypt::default);
        Ok(Config {
            listen,
            data_dir,
            pipeline,
            providers,
            clients,
            nameservers: parts.nameservers,
            enforcement: parts.enforcement.unwrap_or(Enforcement::Required),
            max_body_bytes: parts.max_body_bytes.unwrap_or(DEFAULT_MAX_BODY),
            audit: parts.audit,
            vault: parts.vault,
            encrypt: parts.encrypt.or(demanded),
            metrics: parts.metrics,
            embeddings: parts.embeddings.0,
            file: config_file,
        })
    }

    fn file(&self, data_dir: &Path) -> PathBuf {
        self.config.clone().unwrap_or_else(|| data_dir.join(FILE_NAME))
    }

    fn parts(
        &self,
        file: &Path,
        text: &str,
        problems: &mut Problems,
    ) -> (Parts, Option<Arc<Source>>) {
        let parsed = yaml::parse(text);
        let hidden = match &parsed.root {
            Some(_) => hide::key_values(text, &parsed),
            None => hide::key_lines(text),
        };
        let name = shown(file);
        let source = Arc::new(Source { name, text: text.to_owned(), has_lines: true, hidden });
        let mut found = Found(parsed.problems);
        let mut parts = match &parsed.root {
            Some(root) => decode::parts(root, &mut found),
            None => Parts::default(),
        };
        if let Some(providers) = &mut parts.providers {
            providers::anchor(providers, &self.folder);
        }
        if let Some(encrypt) = &mut parts.encrypt {
            encrypt::anchor(encrypt, &self.folder);
        }
        metrics::anchor(&mut parts.metrics, &self.folder);
        if let Some(listen) = &mut parts.listen {
            super::listen::anchor(listen, &self.folder);
        }
        problems.extend(&source, found.0);
        (parts, Some(source))
    }

    /// A variable that is set. One that is set to nothing is a mistake: it would undo what it should set.
    fn variable(&self, name: &str, problems: &mut Problems) -> Option<Arc<Source>> {
        let (_, value) = self.variables.iter().find(|(known, _)| *known == name)?;
        let kind = match value.clone().into_string() {
            Ok(text) if text.trim().is_empty() => Kind::EmptyVariable,
            Ok(text) => return Some(Source::value(name, &text)),
            Err(_) => Kind::NotUtf8,
        };
        problems.add(&Source::value(name, ""), None, kind);
        None
    }

    /// The file's text; none if there is no file and none was asked for.
    fn read(&self, data_dir: &Path) -> Result<Text, (PathBuf, Kind)> {
        let path = self.file(data_dir);
        if !self.expects_file {
            // The link itself counts: one that leads nowhere is a mistake, not an absent file.
            match path.symlink_metadata() {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::NotFound => {
                    let misnamed = data_dir.join(MISNAMED);
                    return match misnamed.symlink_metadata() {
                        Ok(_) => Err((misnamed, Kind::MisnamedFile)),
                        Err(_) => Ok(Text(None)),
                    };
                }
                Err(error) => return Err((path, Kind::Unreadable(error.kind()))),
            }
        }
        read_file(&path).map(|text| Text(Some(text))).map_err(|kind| (path, kind))
    }
}

/// The airgap's `allowedHosts`, and whether they only decide what is recorded.
struct List<'a> {
    allowed: &'a [(Span, Host)],
    log_only: bool,
}

/// The providers that the airgap's list allows; one that is configured must be on it. In log-only
/// mode all stay, and the pipeline records what it would refuse.
fn choose(
    configured: Option<Vec<Placed>>,
    list: &List<'_>,
    file: Option<&Arc<Source>>,
    problems: &mut Problems,
) -> Vec<Provider> {
    let allowed = list.allowed;
    let explicit = configured.is_some();
    let placed = configured.unwrap_or_else(|| {
        providers::built_in().into_iter().map(|provider| (Default::default(), provider)).collect()
    });
    let (Some(file), false) = (file, allowed.is_empty()) else {
        return placed.into_iter().map(|(_, provider)| provider).collect();
    };
    let names: Vec<String> = placed.iter().map(|(_, p)| p.host.to_string()).collect();
    let mut found = Found::default();
    for (span, host) in allowed {
        if placed.iter().all(|(_, provider)| provider.host != *host) {
            let host = host.to_string();
            let instead = Instead::of(&host, names.iter().map(String::as_str));
            found.add(*span, Kind::UnknownHost { host: Quoted::new(&host), instead });
        }
    }
    let mut providers = Vec::new();
    for (span, provider) in placed {
        if list.log_only || allowed.iter().any(|(_, host)| *host == provider.host) {
            providers.push(provider);
        } else if explicit {
            let host = Quoted::new(&provider.host.to_string());
            found.add(span, Kind::ProviderNotAllowed { host });
        }
    }
    problems.extend(file, found.0);
    providers
}

/// A local provider must be one that no address can lead out of the private networks.
fn check_local(
    local: &[(Span, String)],
    providers: &[Provider],
    file: Option<&Arc<Source>>,
    problems: &mut Problems,
) {
    let Some(file) = file else { return };
    let mut found = Found::default();
    for (span, name) in local {
        match providers.iter().find(|provider| provider.name == *name) {
            None => {
                let names = providers.iter().map(|provider| provider.name.as_str());
                let (word, instead) = (Quoted::new(name), Instead::of(name, names));
                found.add(*span, Kind::UnknownWord { what: "provider", word, instead });
            }
            Some(provider) if !provider.is_local() => found.add(*span, Kind::NotLocal),
            Some(_) => {}
        }
    }
    problems.extend(file, found.0);
}

/// Each provider's rules under each client's rules are one more policy to build and to keep.
fn check_sorts(
    pipeline: &[Module],
    providers: &[Provider],
    (at, file): (Option<Span>, Option<&Arc<Source>>),
    problems: &mut Problems,
) {
    let names = || providers.iter().map(|provider| provider.name.as_str());
    let too_many = |module: &Module| matches!(module, Module::Guardrails(policy) if policy.apart(names()).policies() > MAX_POLICIES);
    if let (Some(at), Some(file)) = (at, file)
        && pipeline.iter().any(too_many)
    {
        let what = "different sets of rules, those of providers times those of clients";
        problems.add(file, Some(at), Kind::TooMany { what, most: MAX_POLICIES });
    }
}

fn read_file(path: &Path) -> Result<String, Kind> {
    let trusted = |metadata: &Metadata| match metadata.permissions().mode() & 0o002 {
        0 => Ok(()),
        _ => Err(Kind::WorldWritable),
    };
    let bytes = read_regular(path, MAX_FILE, trusted)?;
    let mut text = String::from_utf8(bytes).map_err(|_| Kind::NotUtf8)?;
    if text.starts_with('\u{feff}') {
        text.remove(0);
    }
    Ok(text)
}

/// A regular file of `limit` bytes at most; never waits for anybody.
pub(super) fn read_regular(
    path: &Path,
    limit: u64,
    check: impl FnOnce(&Metadata) -> Result<(), Kind>,
) -> Result<Vec<u8>, Kind> {
    let unreadable = |error: std::io::Error| Kind::Unreadable(error.kind());
    // Without O_NONBLOCK, opening a pipe would wait for its writer.
    let file: File = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY)
        .open(path)
        .map_err(unreadable)?;
    let metadata = file.metadata().map_err(unreadable)?;
    if !metadata.is_file() {
        return Err(Kind::NotRegular);
    }
    check(&metadata)?;
    let mut bytes = Vec::new();
    file.take(limit + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > limit {
        return Err(Kind::TooLarge);
    }
    Ok(bytes)
}

fn shown(path: &Path) -> String {
    path.to_string_lossy().chars().map(hide::printable).collect()
}

/// All variables but those that name the data directory.
const VARIABLES: [&str; 2] = [PIPE, LISTEN];
pub(super) const PIPE: &str = "PRXY_PIPE";
pub(super) const LISTEN: &str = "PRXY_LISTEN";
pub(super) const FILE_NAME: &str = "config.yaml";
const MISNAMED: &str = "config.yml";
const ROOT_DIR: &str = "/var/lib/prxy";
const HOME_DIR: &str = ".prxy";
const DEFAULT_MAX_BODY: usize = 64 << 20;
const MAX_POLICIES: usize = 256;
const MAX_FILE: u64 = 1 << 20;
