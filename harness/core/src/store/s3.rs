//! A store in a bucket, through the crate `object_store`: by the credentials of the run, and by the connections and retries of amiproof.

mod service;

use std::sync::Arc;

use futures::TryStreamExt as _;
use object_store::aws::{AmazonS3, AmazonS3Builder, AwsCredential, S3ConditionalPut};
use object_store::client::{ClientOptions, HttpClient, HttpConnector};
use object_store::path::Path;
use object_store::{
    CredentialProvider, GetOptions, ObjectStore, ObjectStoreExt as _, PutMode, PutOptions, PutPayload, RetryConfig,
};

use self::service::{Service, region_of};
use super::written::Written;
use crate::aws::error::{AwsError, Class};
use crate::aws::{Clients, partition};
use crate::cluster::explain::chain;

/// A prefix of a bucket.
#[derive(Debug)]
pub(super) struct Bucket {
    objects: AmazonS3,
    /// `s3://bucket/prefix`, for errors.
    shown: String,
    prefix: String,
}

impl Bucket {
    /// Finds out where the bucket is, unless an endpoint stands in for AWS.
    ///
    /// # Errors
    /// When no client can be made. The region of the bucket is asked for once; without an answer it is that of the
    /// clients.
    pub(super) async fn open(clients: Clients, bucket: &str, prefix: &str) -> Result<Self, AwsError> {
        let shown = if prefix.is_empty() { format!("s3://{bucket}") } else { format!("s3://{bucket}/{prefix}") };
        let own = clients.endpoint_of("S3");
        let region = match own {
            Some(_) => clients.region().to_owned(),
            None => region_of(&clients, bucket).await.unwrap_or_else(|| clients.region().to_owned()),
        };
        let endpoint = own.unwrap_or_else(|| format!("https://s3.{region}.{}", partition::of(&region).domain));
        let unusable = |error: object_store::Error| failure(&error, "connect", &shown);
        let service = Service::new(&endpoint, &shown)?;
        let objects = AmazonS3Builder::new()
            .with_bucket_name(bucket)
            .with_region(region)
            .with_allow_http(endpoint.starts_with("http://"))
            .with_endpoint(endpoint)
            // The bucket in the path: a stand-in for AWS has one name, and names of buckets with dots are in no certificate.
            .with_virtual_hosted_style_request(false)
            .with_credentials(Arc::new(Chain(clients)))
            .with_http_connector(Connector(service))
            .with_conditional_put(S3ConditionalPut::ETagMatch)
            .with_disable_bulk_delete(true)
            // `aws::retry` repeats what can be repeated.
            .with_retry(RetryConfig { max_retries: 0, ..RetryConfig::default() })
            .build()
            .map_err(unusable)?;
        Ok(Self { objects, shown, prefix: prefix.to_owned() })
    }

    fn path(&self, name: &str) -> Result<Path, AwsError> {
        let whole = if self.prefix.is_empty() { name.to_owned() } else { format!("{}/{name}", self.prefix) };
        Path::parse(&whole).map_err(|error| AwsError::new(Class::Request, "name", &self.shown, error.to_string()))
    }

    /// The names of the objects and of the folders in a folder.
    pub(super) async fn list(&self, folder: &str) -> Result<(Vec<String>, Vec<String>), AwsError> {
        let path = self.path(folder)?;
        let answer = self.objects.list_with_delimiter(Some(&path)).await;
        let answer = answer.map_err(|error| failure(&error, "ListObjectsV2", &self.shown))?;
        let name = |path: &Path| path.filename().map(str::to_owned);
        let objects = answer.objects.iter().filter_map(|object| name(&object.location)).collect();
        Ok((objects, answer.common_prefixes.iter().filter_map(name).collect()))
    }

    /// An object of at most this many bytes.
    pub(super) async fn get(&self, name: &str, most: u64) -> Result<Option<Vec<u8>>, AwsError> {
        let path = self.path(name)?;
        let failed = |error: object_store::Error| failure(&error, "GetObject", &format!("{}/{name}", self.shown));
        let found = match self.objects.get_opts(&path, GetOptions::default()).await {
            Ok(found) => found,
            Err(object_store::Error::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        if found.meta.size > most {
            let why = format!("it has {} bytes, and the limit for this kind of object is {most}", found.meta.size);
            return Err(AwsError::new(Class::Request, "GetObject", format!("{}/{name}", self.shown), why));
        }
        let pieces: Vec<bytes::Bytes> = found.into_stream().try_collect().await.map_err(failed)?;
        Ok(Some(pieces.concat()))
    }

    /// Writes an object whose name is free.
    pub(super) async fn put_new(&self, name: &str, bytes: Vec<u8>) -> Result<Written, AwsError> {
        let path = self.path(name)?;
        let options = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
        match self.objects.put_opts(&path, PutPayload::from(bytes), options).await {
            Ok(_) => Ok(Written::New),
            Err(object_store::Error::AlreadyExists { .. }) => Ok(Written::Exists),
            Err(error) => Err(failure(&error, "PutObject", &format!("{}/{name}", self.shown))),
        }
    }

    /// Deletes an object; S3 does not say whether it was there.
    pub(super) async fn delete(&self, name: &str) -> Result<(), AwsError> {
        let path = self.path(name)?;
        match self.objects.delete(&path).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(failure(&error, "DeleteObject", &format!("{}/{name}", self.shown))),
        }
    }
}

/// The error of AWS within one of the crate.
fn failure(error: &object_store::Error, operation: &'static str, resource: &str) -> AwsError {
    let mut next: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = next {
        if let Some(own) = error.downcast_ref::<AwsError>() {
            return AwsError { operation, resource: resource.to_owned(), ..own.clone() };
        }
        next = error.source();
    }
    AwsError::new(Class::Request, operation, resource, chain(error))
}

/// The credentials of the run.
#[derive(Debug)]
struct Chain(Clients);

#[async_trait::async_trait]
impl CredentialProvider for Chain {
    type Credential = AwsCredential;

    async fn get_credential(&self) -> object_store::Result<Arc<AwsCredential>> {
        let own = self.0.credentials().await;
        let own = own.map_err(|error| object_store::Error::Generic { store: "S3", source: Box::new(error) })?;
        Ok(Arc::new(AwsCredential {
            key_id: own.access_key_id().to_owned(),
            secret_key: own.secret_access_key().to_owned(),
            token: own.session_token().map(str::to_owned),
        }))
    }
}

/// Gives the crate our client instead of one of its own.
#[derive(Debug)]
struct Connector(Service);

impl HttpConnector for Connector {
    fn connect(&self, _options: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.0.clone()))
    }
}
