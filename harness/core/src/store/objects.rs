//! What a store is made of: objects that are written once, under names with slashes.

use super::error::Error;
use super::folder::Folder;
use super::s3::Bucket;
use super::written::Written;

/// Where objects are.
#[derive(Debug)]
pub(super) enum Objects {
    /// Files in a folder.
    Folder(Folder),
    /// Objects in S3.
    S3(Box<Bucket>),
}

impl Objects {
    /// The names of the objects in a folder, without those of folders in it; empty where there is no such folder.
    pub(super) async fn list(&self, folder: &str) -> Result<Vec<String>, Error> {
        match self {
            Self::Folder(own) => own.list(folder, false),
            Self::S3(bucket) => Ok(bucket.list(folder).await?.0),
        }
    }

    /// The names of the folders in a folder.
    pub(super) async fn folders(&self, folder: &str) -> Result<Vec<String>, Error> {
        match self {
            Self::Folder(own) => own.list(folder, true),
            Self::S3(bucket) => Ok(bucket.list(folder).await?.1),
        }
    }

    /// An object of at most this many bytes; `None` if it is not there.
    pub(super) async fn get(&self, name: &str, most: u64) -> Result<Option<Vec<u8>>, Error> {
        match self {
            Self::Folder(own) => own.get(name, most),
            Self::S3(bucket) => Ok(bucket.get(name, most).await?),
        }
    }

    /// Writes an object whose name is free, whole or not at all.
    pub(super) async fn put_new(&self, name: &str, bytes: Vec<u8>) -> Result<Written, Error> {
        match self {
            Self::Folder(own) => own.put_new(name, &bytes),
            Self::S3(bucket) => Ok(bucket.put_new(name, bytes).await?),
        }
    }

    /// Deletes an object; one that is not there is deleted.
    pub(super) async fn delete(&self, name: &str) -> Result<(), Error> {
        match self {
            Self::Folder(own) => own.delete(name),
            Self::S3(bucket) => Ok(bucket.delete(name).await?),
        }
    }
}
