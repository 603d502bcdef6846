//! The API key, on every call.

use secrecy::{ExposeSecret, SecretString};
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::{Request, Status};

use crate::error::ClientError;

const AUTHORIZATION: &str = "authorization";

/// Adds the API key, if there is one, to each call. Does not show it.
#[derive(Clone, Debug, Default)]
pub struct Credentials {
    authorization: Option<MetadataValue<Ascii>>,
}

impl Credentials {
    pub(crate) fn new(api_key: Option<&SecretString>) -> Result<Self, ClientError> {
        let Some(api_key) = api_key else { return Ok(Self::default()) };
        let api_key = api_key.expose_secret();
        if api_key.is_empty() || !api_key.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(ClientError::InvalidApiKey);
        }
        let mut authorization =
            MetadataValue::try_from(format!("Bearer {api_key}")).map_err(|_| ClientError::InvalidApiKey)?;
        // Neither logged nor kept in the compression tables of HTTP/2.
        authorization.set_sensitive(true);
        Ok(Self { authorization: Some(authorization) })
    }
}

impl Interceptor for Credentials {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(authorization) = &self.authorization {
            request.metadata_mut().insert(AUTHORIZATION, authorization.clone());
        }
        Ok(request)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_goes_along_and_is_not_shown() {
        let mut credentials = Credentials::new(Some(&"mxgw_me_secret".into())).unwrap();
        let request = credentials.call(Request::new(())).unwrap();
        let sent = request.metadata().get(AUTHORIZATION).unwrap();
        assert_eq!(sent.to_str().unwrap(), "Bearer mxgw_me_secret");
        let shown = format!("{credentials:?} {:?} {sent:?}", request.metadata());
        assert!(!shown.contains("secret"), "{shown}");
    }

    #[test]
    fn without_a_key_nothing_goes_along() {
        let request = Credentials::new(None).unwrap().call(Request::new(())).unwrap();
        assert!(request.metadata().is_empty());
    }
}
