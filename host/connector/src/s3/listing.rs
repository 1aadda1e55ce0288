//! The objects that a source's path names, page by page: memory holds one page, however many there are.

use std::collections::VecDeque;
use std::sync::Arc;

use glob::{MatchOptions, Pattern};
use tokio::runtime::Handle;

use super::bucket::{Bucket, Listed, Listing};
use super::error::{Result, S3Error};
use super::object::S3Object;
use crate::format::{self, Origin};

/// How a pattern matches: as one of the connector `file` does.
const OPTIONS: MatchOptions = MatchOptions {
    case_sensitive: true,
    require_literal_separator: true,
    require_literal_leading_dot: true,
};

/// The objects that a path names, in the order of their keys.
pub(super) struct Objects {
    bucket: Arc<Bucket>,
    /// The resource's prefix, which the pattern does not have.
    base: String,
    pattern: Pattern,
    /// The next page; none behind the last.
    next: Option<Listing>,
    page: VecDeque<Listed>,
    /// The last key that is wanted.
    until: Option<String>,
}

impl Objects {
    /// Nobody is asked yet. `{partition}` in the path is the partition's key, or any where no partition is asked for.
    pub(super) fn new(bucket: Arc<Bucket>, base: &str, path: &str, partition: Option<&str>) -> Result<Self> {
        let key = partition.map_or_else(|| "*".to_owned(), Pattern::escape);
        let path = path.replace("{partition}", &key);
        let path = path.strip_prefix("./").unwrap_or(&path);
        let pattern = Pattern::new(path).map_err(|_| S3Error::NotFound {
            place: bucket.url(&format!("{base}{path}")),
        })?;
        let literal = path.split(['*', '?', '[']).next().unwrap_or_default();
        let listing = Listing {
            prefix: format!("{base}{literal}"),
            ..Listing::default()
        };
        Ok(Self {
            bucket,
            base: base.to_owned(),
            pattern,
            next: Some(listing),
            page: VecDeque::new(),
            until: None,
        })
    }

    /// Only objects whose keys sort behind this one.
    pub(super) fn behind(mut self, key: Option<&str>) -> Self {
        if let Some(listing) = &mut self.next {
            listing.behind = key.map(str::to_owned);
        }
        self
    }

    /// Only objects up to this key.
    pub(super) fn until(mut self, key: Option<String>) -> Self {
        self.until = key;
        self
    }

    /// Where the objects are, for people.
    pub(super) fn place(&self) -> String {
        self.bucket.url(&format!("{}{}", self.base, self.pattern))
    }

    /// The next object, or none at the end.
    pub(super) async fn next_object(&mut self) -> Result<Option<Listed>> {
        loop {
            while let Some(found) = self.page.pop_front() {
                if self.until.as_ref().is_some_and(|until| found.key > *until) {
                    self.page.clear();
                    self.next = None;
                    return Ok(None);
                }
                if self.names(&found.key) {
                    return Ok(Some(found));
                }
            }
            let Some(mut listing) = self.next.take() else {
                return Ok(None);
            };
            let page = self.bucket.list(&listing).await?;
            self.page = page.objects.into();
            self.next = page.next.map(|next| {
                listing.page = Some(next);
                listing
            });
        }
    }

    /// The greatest key that there is; none where there is no object.
    pub(super) async fn last_key(mut self) -> Result<Option<String>> {
        let mut last = None;
        while let Some(found) = self.next_object().await? {
            last = Some(found.key);
        }
        Ok(last)
    }

    fn names(&self, key: &str) -> bool {
        let below = key.strip_prefix(&self.base);
        // A key that ends with `/` stands for a folder in some programs, and holds nothing.
        below.is_some_and(|below| !below.ends_with('/') && self.pattern.matches_with(below, OPTIONS))
    }
}

/// As files of a source, on a thread that may block.
impl Iterator for Objects {
    type Item = format::Result<Box<dyn Origin>>;

    fn next(&mut self) -> Option<Self::Item> {
        let found = Handle::current().block_on(self.next_object());
        let bucket = self.bucket.clone();
        match found {
            Ok(found) => found.map(|listed| Ok(Box::new(S3Object { bucket, listed }) as Box<dyn Origin>)),
            Err(error) => {
                self.next = None;
                Some(Err(error.into()))
            }
        }
    }
}
