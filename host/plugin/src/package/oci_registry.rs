//! A registry that speaks the OCI distribution protocol, as those of container images do.
//!
//! A plugin is the repository `PATH/NAME`, and a release its tag.

use std::collections::BTreeSet;
use std::time::Duration;

use async_trait::async_trait;
use futures::TryStreamExt;
use http::HeaderValue;
use oci_client::client::{ClientConfig, ClientProtocol};
use oci_client::errors::OciDistributionError;
use oci_client::manifest::{OciDescriptor, OciImageManifest};
use oci_client::secrets::RegistryAuth;
use oci_client::{Client, Reference};
use tidegate_core::plan::Digest;
use tokio::sync::OnceCell;

use super::error::PackageError;
use super::registry::{Again, Published, Registry, again};
use super::release::{MAX_RELEASE_BYTES, MAX_SIGNATURE_BYTES, Package, Release};
use super::{oci_artifact as artifact, oci_error, oci_login};
use crate::catalog::MAX_PLUGIN_BYTES;
use crate::manifest::is_name;

/// Tags or repositories that are asked for at once, and how many such pages are read at most.
const PAGE: usize = 1_000;
const MAX_PAGES: usize = 1_000;

/// A registry that cannot be connected to, or falls silent, is given up after these.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const READ_TIMEOUT: Duration = Duration::from_secs(30);

/// A registry of OCI artifacts. Who logged in with Docker's tools is known by Docker's configuration.
pub(super) struct OciRegistry {
    place: String,
    host: String,
    path: String,
    session: OnceCell<(Client, RegistryAuth)>,
}

impl OciRegistry {
    /// The registry of `HOST/PATH`, called `place` in messages and the lock. Nobody is asked yet.
    pub(super) fn new(place: &str, below: &str) -> Result<Self, PackageError> {
        let (host, path) = below.trim_end_matches('/').split_once('/').unwrap_or((below, ""));
        let registry = Self {
            place: place.into(),
            host: host.into(),
            path: path.into(),
            session: OnceCell::new(),
        };
        if host.is_empty() || path.is_empty() {
            return Err(registry.unusable("it is written oci://HOST/PATH".into()));
        }
        registry.reference("name", "tag")?;
        Ok(registry)
    }

    /// A client and who it is to the registry.
    async fn session(&self) -> Result<&(Client, RegistryAuth), PackageError> {
        self.session
            .get_or_try_init(|| async {
                // The client's TLS takes the process's provider; one that is set already is as good.
                let _ = rustls::crypto::ring::default_provider().install_default();
                let client = Client::try_from(ClientConfig {
                    protocol: if is_local(&self.host) {
                        ClientProtocol::Http
                    } else {
                        ClientProtocol::Https
                    },
                    connect_timeout: Some(CONNECT_TIMEOUT),
                    read_timeout: Some(READ_TIMEOUT),
                    user_agent: concat!("tidegate/", env!("CARGO_PKG_VERSION")),
                    ..ClientConfig::default()
                })
                .map_err(|error| self.unusable(error.to_string()))?;
                let login = oci_login::of(&self.host).map_err(|why| self.unusable(why))?;
                Ok((client, login))
            })
            .await
    }

    /// The artifact of a plugin under a tag.
    fn reference(&self, name: &str, tag: &str) -> Result<Reference, PackageError> {
        let text = format!("{}/{}/{name}:{tag}", self.host, self.path);
        text.parse()
            .map_err(|error| self.unusable(format!("`{text}` is no artifact of an OCI registry: {error}")))
    }

    fn release_reference(&self, name: &str, version: &semver::Version) -> Result<Reference, PackageError> {
        if !is_name(name) {
            return Err(self.unusable("a plugin's name has small letters, digits, `-` and `_`".into()));
        }
        self.reference(name, &artifact::tag_of(version))
    }

    fn unusable(&self, why: String) -> PackageError {
        PackageError::unusable(&self.place, why)
    }

    fn failed(&self, error: &OciDistributionError) -> PackageError {
        self.unusable(oci_error::explain(error))
    }

    fn damaged(&self, name: &str, version: &semver::Version, why: impl Into<String>) -> PackageError {
        PackageError::damaged(&self.place, name, version, why)
    }

    /// The manifest of a tag; none where it is not there.
    async fn manifest(&self, reference: &Reference) -> Result<Option<OciImageManifest>, PackageError> {
        let (client, login) = self.session().await?;
        match client.pull_image_manifest(reference, login).await {
            Ok((manifest, _)) => Ok(Some(manifest)),
            Err(error) if oci_error::is_missing(&error) => Ok(None),
            Err(error) => Err(self.failed(&error)),
        }
    }

    /// A release with its manifest: one layer, which is the component that the release names.
    async fn described(
        &self,
        name: &str,
        version: &semver::Version,
    ) -> Result<(Release, OciImageManifest), PackageError> {
        let reference = self.release_reference(name, version)?;
        let damaged = |why: &str| self.damaged(name, version, why);
        let manifest = self
            .manifest(&reference)
            .await?
            .ok_or_else(|| damaged("it is not there any more"))?;
        let said = artifact::annotation(&manifest, artifact::RELEASE).ok_or_else(|| {
            damaged("it was not published by `tidegate plugin publish`: nothing says what it is")
        })?;
        if said.len() as u64 > MAX_RELEASE_BYTES {
            return Err(damaged("its index is too large"));
        }
        let release =
            Release::parse(said.as_bytes(), name, version).map_err(|why| self.damaged(name, version, why))?;
        match manifest.layers.as_slice() {
            [layer] if layer.digest == release.digest.to_string() => Ok((release, manifest)),
            _ => Err(damaged("its layer is not the component that its index names")),
        }
    }

    async fn component(
        &self,
        release: &Release,
        manifest: &OciImageManifest,
    ) -> Result<Vec<u8>, PackageError> {
        let (client, _) = self.session().await?;
        let reference = self.release_reference(&release.name, &release.version)?;
        let too_large = || {
            self.damaged(
                &release.name,
                &release.version,
                format!("its component has more than {MAX_PLUGIN_BYTES} bytes"),
            )
        };
        let layer = manifest.layers.first().ok_or_else(too_large)?;
        let mut blob = client
            .pull_blob_stream(&reference, layer)
            .await
            .map_err(|error| self.failed(&error))?;
        let mut wasm = Vec::new();
        loop {
            let piece = blob.stream.try_next().await;
            let Some(piece) =
                piece.map_err(|error| self.unusable(format!("the component broke off: {error}")))?
            else {
                return Ok(wasm);
            };
            if (wasm.len() + piece.len()) as u64 > MAX_PLUGIN_BYTES {
                return Err(too_large());
            }
            wasm.extend_from_slice(&piece);
        }
    }

    /// Writes what a tag shows. The protocol has no conditional write: whoever writes last is seen.
    async fn show(&self, package: &Package, config: OciDescriptor) -> Result<(), PackageError> {
        let (client, _) = self.session().await?;
        let release = &package.release;
        let manifest = artifact::manifest(package, config).map_err(|why| self.unusable(why))?;
        let reference = self.release_reference(&release.name, &release.version)?;
        // Not the client's own canonical JSON: that leaves line ends in texts as they are, which is no JSON.
        let text = serde_json::to_vec(&manifest).map_err(|error| self.unusable(error.to_string()))?;
        let media_type = HeaderValue::from_static(artifact::MANIFEST_TYPE);
        let shown = client.push_manifest_raw(&reference, text, media_type).await;
        shown.map(drop).map_err(|error| self.failed(&error))
    }

    /// Uploads what a release needs and shows it.
    async fn upload(&self, package: &Package) -> Result<(), PackageError> {
        let (client, login) = self.session().await?;
        let release = &package.release;
        let reference = self.release_reference(&release.name, &release.version)?;
        client
            .auth(&reference, login, oci_client::RegistryOperation::Push)
            .await
            .map_err(|error| self.failed(&error))?;
        let config = artifact::config(package).map_err(|why| self.unusable(why))?;
        let config_digest = Digest::of(&config);
        let described = artifact::config_descriptor(&config);
        for (bytes, digest) in [(package.wasm.clone(), &release.digest), (config, &config_digest)] {
            client
                .push_blob(&reference, bytes, &digest.to_string())
                .await
                .map_err(|error| self.failed(&error))?;
        }
        self.show(package, described).await
    }

    /// What pages of sorted names come to; the last name of one asks for the next. A registry may take all of them for
    /// one page, and answer it again.
    async fn pages<F>(
        &self,
        mut page: impl FnMut(Option<String>) -> F,
    ) -> Result<BTreeSet<String>, PackageError>
    where
        F: Future<Output = Result<Vec<String>, OciDistributionError>>,
    {
        let mut found = BTreeSet::new();
        let mut last = None;
        for _ in 0..MAX_PAGES {
            let names = match page(last.clone()).await {
                Ok(names) => names,
                Err(error) if oci_error::is_missing(&error) => break,
                Err(error) => return Err(self.failed(&error)),
            };
            last = names.last().cloned();
            let before = found.len();
            found.extend(names);
            if found.len() == before {
                break;
            }
        }
        Ok(found)
    }
}

#[async_trait]
impl Registry for OciRegistry {
    fn place(&self) -> &str {
        &self.place
    }

    async fn names(&self) -> Result<Vec<String>, PackageError> {
        let (client, login) = self.session().await?;
        let any = &self.reference("name", "tag")?;
        let repositories = self
            .pages(|last| async move {
                let page = client.catalog(any, login, Some(PAGE), last.as_deref()).await?;
                Ok(page.repositories)
            })
            .await?;
        let ours = format!("{}/", self.path);
        let names = repositories
            .iter()
            .filter_map(|repository| repository.strip_prefix(&ours));
        Ok(names.filter(|name| is_name(name)).map(str::to_owned).collect())
    }

    async fn versions(&self, name: &str) -> Result<Vec<semver::Version>, PackageError> {
        if !is_name(name) {
            return Ok(Vec::new());
        }
        let (client, login) = self.session().await?;
        let any = &self.reference(name, "tag")?;
        let tags = self
            .pages(|last| async move {
                let page = client.list_tags(any, login, Some(PAGE), last.as_deref()).await?;
                Ok(page.tags)
            })
            .await?;
        let mut versions: Vec<semver::Version> =
            tags.iter().filter_map(|tag| artifact::version_of(tag)).collect();
        versions.sort();
        Ok(versions)
    }

    async fn release(&self, name: &str, version: &semver::Version) -> Result<Release, PackageError> {
        Ok(self.described(name, version).await?.0)
    }

    async fn fetch(&self, name: &str, version: &semver::Version) -> Result<Package, PackageError> {
        let (release, manifest) = self.described(name, version).await?;
        let wasm = self.component(&release, &manifest).await?;
        let signature = artifact::annotation(&manifest, artifact::SIGNATURE).map(str::to_owned);
        if signature
            .as_ref()
            .is_some_and(|text| text.len() as u64 > MAX_SIGNATURE_BYTES)
        {
            return Err(self.damaged(name, version, "its signature is too large"));
        }
        Ok(Package {
            release,
            wasm,
            signature,
        })
    }

    async fn publish(&self, package: &Package) -> Result<Published, PackageError> {
        let Release { name, version, .. } = &package.release;
        let reference = self.release_reference(name, version)?;
        if self.manifest(&reference).await?.is_none() {
            self.upload(package).await?;
            // Somebody else may have shown another one since: then it is told here, and whoever locked it is told too.
            let there = self.fetch(name, version).await?;
            again(&self.place, &there, package)?;
            return Ok(Published::New);
        }
        let (release, manifest) = self.described(name, version).await?;
        let there = Package {
            wasm: self.component(&release, &manifest).await?,
            signature: artifact::annotation(&manifest, artifact::SIGNATURE).map(str::to_owned),
            release,
        };
        match again(&self.place, &there, package)? {
            Again::Already => Ok(Published::Already),
            Again::Sign(signature) => {
                let signed = Package {
                    signature: Some(signature),
                    ..there
                };
                self.show(&signed, manifest.config).await?;
                Ok(Published::Signed)
            }
        }
    }
}

/// Registries on this machine are spoken to without TLS, as container tools do; all others with it.
fn is_local(host: &str) -> bool {
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    matches!(name, "localhost" | "127.0.0.1")
}
