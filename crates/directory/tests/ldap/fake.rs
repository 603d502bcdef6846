//! A server that answers what a test wants, for what slapd cannot be.

use std::io;
use std::sync::Arc;

use bytes::BytesMut;
use ldap3::asn1::{PL, StructureTag, TagClass, parse_tag, write};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::task::AbortOnDropHandle;

/// What a server is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// To sign a connection in.
    Bind { dn: String, password: String },
    /// For entries.
    Search {
        base: String,
        /// As BER.
        filter: Vec<u8>,
    },
}

/// An answer.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    /// An entry; more follows.
    Entry { dn: String, attributes: Vec<(String, Vec<String>)> },
    /// References to other servers; more follows.
    References(Vec<String>),
    /// The last one, with the result's code and where else to ask.
    Done(u8, Vec<String>),
    /// Bytes as they are.
    Raw(Vec<u8>),
}

impl Answer {
    pub(crate) fn entry(dn: &str, attributes: &[(&str, &[&str])]) -> Self {
        let attributes = attributes
            .iter()
            .map(|(name, values)| {
                ((*name).to_owned(), values.iter().map(|value| (*value).to_owned()).collect())
            })
            .collect();
        Self::Entry { dn: dn.to_owned(), attributes }
    }

    pub(crate) fn done() -> Self {
        Self::Done(0, Vec::new())
    }
}

/// A running server; dropping it ends it.
pub(crate) struct FakeServer {
    pub(crate) port: u16,
    _task: AbortOnDropHandle<()>,
}

impl FakeServer {
    pub(crate) async fn start(script: impl Fn(Asked) -> Vec<Answer> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let script = Arc::new(script);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let script = Arc::clone(&script);
                tokio::spawn(async move {
                    // A client that goes away is what tests end with.
                    let _ = serve(stream, &*script).await;
                });
            }
        });
        Self { port, _task: AbortOnDropHandle::new(task) }
    }
}

async fn serve(
    mut stream: TcpStream,
    script: &(dyn Fn(Asked) -> Vec<Answer> + Send + Sync),
) -> io::Result<()> {
    let mut read = Vec::new();
    loop {
        let (message, rest) = match parse_tag(&read) {
            Ok((rest, message)) => (message, rest.to_vec()),
            Err(_) => {
                if stream.read_buf(&mut read).await? == 0 {
                    return Ok(());
                }
                continue;
            }
        };
        read = rest;
        let mut parts = message.expect_constructed().unwrap().into_iter();
        let (id, request) = (parts.next().unwrap(), parts.next().unwrap());
        // Responses have the number after the request's; entries and references have numbers of their own.
        let response = request.id + 1;
        let asked = match request.id {
            0 => bind(request),
            3 => search(request),
            // Unbind, or an abandoned search.
            _ => continue,
        };
        for answer in script(asked) {
            let answer = match answer {
                Answer::Raw(bytes) => {
                    stream.write_all(&bytes).await?;
                    continue;
                }
                Answer::Entry { dn, attributes } => application(4, vec![text(&dn), list(&attributes)]),
                Answer::References(urls) => application(19, urls.iter().map(|url| text(url)).collect()),
                Answer::Done(code, elsewhere) => {
                    let response = if response == 4 { 5 } else { response };
                    application(response, result(code, &elsewhere))
                }
            };
            let mut bytes = BytesMut::new();
            write::encode_into(&mut bytes, sequence(vec![id.clone(), answer]))?;
            stream.write_all(&bytes).await?;
        }
    }
}

fn bind(request: StructureTag) -> Asked {
    let mut parts = request.expect_constructed().unwrap().into_iter().skip(1);
    let mut next = || String::from_utf8(parts.next().unwrap().expect_primitive().unwrap()).unwrap();
    Asked::Bind { dn: next(), password: next() }
}

fn search(request: StructureTag) -> Asked {
    let parts = request.expect_constructed().unwrap();
    let base = parts[0].clone().expect_primitive().unwrap();
    let mut filter = BytesMut::new();
    write::encode_into(&mut filter, parts[6].clone()).unwrap();
    Asked::Search { base: String::from_utf8(base).unwrap(), filter: filter.to_vec() }
}

fn result(code: u8, elsewhere: &[String]) -> Vec<StructureTag> {
    let code = StructureTag { class: TagClass::Universal, id: 10, payload: PL::P(vec![code]) };
    let mut parts = vec![code, text(""), text("")];
    if !elsewhere.is_empty() {
        let urls = elsewhere.iter().map(|url| text(url)).collect();
        parts.push(StructureTag { class: TagClass::Context, id: 3, payload: PL::C(urls) });
    }
    parts
}

fn list(attributes: &[(String, Vec<String>)]) -> StructureTag {
    let values = |values: &[String]| StructureTag {
        class: TagClass::Universal,
        id: 17,
        payload: PL::C(values.iter().map(|value| text(value)).collect()),
    };
    sequence(attributes.iter().map(|(name, all)| sequence(vec![text(name), values(all)])).collect())
}

fn text(text: &str) -> StructureTag {
    StructureTag { class: TagClass::Universal, id: 4, payload: PL::P(text.as_bytes().to_vec()) }
}

fn sequence(parts: Vec<StructureTag>) -> StructureTag {
    StructureTag { class: TagClass::Universal, id: 16, payload: PL::C(parts) }
}

fn application(id: u64, parts: Vec<StructureTag>) -> StructureTag {
    StructureTag { class: TagClass::Application, id, payload: PL::C(parts) }
}
