//! A small client of HTTP, without a browser.

use futures_util::StreamExt;
use http::header;
use mxgateway_e2e::{Gateway, within};
use mxgateway_testkit::slapd::SlapdServer;
use reqwest::redirect::Policy;
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

/// What came back.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    /// Status, headers and body, as far as they are text.
    pub(super) whole: String,
    pub(super) body: String,
    location: String,
}

impl Answer {
    /// The status, and where a redirect leads.
    pub(super) fn outcome(&self) -> (u16, &str) {
        (self.status.as_u16(), &self.location)
    }

    /// What an open hub has sent.
    pub(super) fn of_hub(body: String) -> Self {
        Self::new(StatusCode::SWITCHING_PROTOCOLS, &http::HeaderMap::new(), body)
    }
}

/// A program with the cookie of somebody who has signed in, or with none.
pub(super) struct Program {
    client: Client,
    dashboard: String,
    cookie: String,
}

/// An open hub.
pub(super) struct Hub(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Program {
    /// With nobody's cookie.
    pub(super) fn of(gateway: &Gateway) -> Self {
        let client = Client::builder().redirect(Policy::none()).no_proxy().build().unwrap();
        Self { client, dashboard: gateway.dashboard().to_owned(), cookie: String::new() }
    }

    /// With the cookie of this person.
    pub(super) async fn signed_in(gateway: &Gateway, name: &str) -> Self {
        let mut program = Self::of(gateway);
        let form = program.send(program.request(Method::GET, "/sign-in")).await;
        program.cookie = cookie(&form);
        let csrf = hidden_field(&Answer::read(form).await.body, "csrf");
        let body = format!("csrf={csrf}&next=%2F&name={name}&password={}", SlapdServer::password_of(name));
        let answer = program.send(program.form("/sign-in", body)).await;
        assert_eq!(answer.status(), StatusCode::SEE_OTHER, "{name} is not let in");
        program.cookie = cookie(&answer);
        program
    }

    /// Asks for it.
    pub(super) async fn get(&self, path: &str) -> Answer {
        Answer::read(self.send(self.request(Method::GET, path)).await).await
    }

    /// Asks for it with this header as well.
    pub(super) async fn get_with(&self, path: &str, name: &str, value: &str) -> Answer {
        Answer::read(self.send(self.request(Method::GET, path).header(name, value)).await).await
    }

    /// Posts a form as pages do it, with these fields beside what shows that it is meant.
    pub(super) async fn post(&self, path: &str, fields: &str) -> Answer {
        let csrf = hidden_field(&self.get("/").await.body, "csrf");
        Answer::read(self.send(self.form(path, format!("csrf={csrf}{fields}"))).await).await
    }

    /// Opens a hub; what it answers instead where it does not open.
    pub(super) async fn hub(&self, path: &str) -> Result<Hub, Answer> {
        let address = format!("{}{path}", self.dashboard.replacen("http", "ws", 1));
        let mut request = address.into_client_request().unwrap();
        let headers = request.headers_mut();
        headers.insert(header::ORIGIN, self.dashboard.parse().unwrap());
        headers.insert(header::COOKIE, self.cookie.parse().unwrap());
        match within("a hub opens", connect_async(request)).await {
            Ok((socket, _)) => Ok(Hub(socket)),
            Err(Error::Http(response)) => {
                let (parts, body) = response.into_parts();
                let body = String::from_utf8(body.unwrap_or_default()).unwrap();
                Err(Answer::new(parts.status, &parts.headers, body))
            }
            Err(error) => panic!("{path}: {error}"),
        }
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.client.request(method, format!("{}{path}", self.dashboard));
        if self.cookie.is_empty() { request } else { request.header(header::COOKIE, &self.cookie) }
    }

    fn form(&self, path: &str, body: String) -> RequestBuilder {
        self.request(Method::POST, path)
            .header(header::ORIGIN, &self.dashboard)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(body)
    }

    async fn send(&self, request: RequestBuilder) -> Response {
        within("an answer", request.send()).await.unwrap()
    }
}

impl Answer {
    async fn read(response: Response) -> Self {
        let (status, headers) = (response.status(), response.headers().clone());
        Self::new(status, &headers, within("a body", response.text()).await.unwrap())
    }

    fn new(status: StatusCode, headers: &http::HeaderMap, body: String) -> Self {
        let location = headers.get(header::LOCATION).map_or("", |value| value.to_str().unwrap()).to_owned();
        Self { status, whole: format!("{status} {headers:?}\n{body}"), body, location }
    }
}

impl Hub {
    /// The next message.
    pub(super) async fn text(&mut self) -> String {
        loop {
            match within("a message", self.0.next()).await {
                Some(Ok(Message::Text(text))) => return text.to_string(),
                Some(Ok(Message::Ping(_))) => {}
                other => panic!("{other:?} instead of a message"),
            }
        }
    }
}

/// The cookie that an answer sets last, without its attributes.
fn cookie(answer: &Response) -> String {
    let cookies = answer.headers().get_all(header::SET_COOKIE).iter();
    let mut pairs = cookies.map(|cookie| cookie.to_str().unwrap().split(';').next().unwrap());
    // One that is taken away has no value.
    pairs.rfind(|pair| !pair.ends_with('=')).unwrap_or_default().to_owned()
}

fn hidden_field(page: &str, name: &str) -> String {
    let start = format!("name=\"{name}\" value=\"");
    let rest = page.split_once(&start).map_or("", |(_, rest)| rest);
    rest.split('"').next().unwrap_or_default().to_owned()
}
