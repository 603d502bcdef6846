//! Many sessions at once.

use mxgateway_contracts::error_code::ErrorCode;
use mxgateway_contracts::v1::{EventFamily, ListSessionsRequest, OpenSessionRequest};
use mxgateway_e2e::{Gateway, TestSession, is_alive};
use rustix::process::Signal;

#[tokio::test]
async fn sixty_four_sessions_open_at_once_and_all_stream() {
    let mut gateway = Gateway::start().await;
    let client = gateway.client().await;
    let opening: Vec<_> = (0..64).map(|_| tokio::spawn(TestSession::open(client.clone()))).collect();
    let mut sessions = Vec::new();
    for session in opening {
        sessions.push(session.await.unwrap());
    }

    let streaming: Vec<_> = sessions
        .iter()
        .cloned()
        .map(|session| {
            tokio::spawn(async move {
                let mut stream = session.stream().await;
                let (_, items) = session.advise_tags(&["Line_001.Count"]).await;
                for _ in 0..3 {
                    stream.event_of(EventFamily::OnDataChange, items[0]).await;
                }
            })
        })
        .collect();
    for stream in streaming {
        stream.await.unwrap();
    }

    let refused = client.clone().open_session(OpenSessionRequest::default()).await.unwrap_err();
    assert_eq!(ErrorCode::of(&refused), Some(ErrorCode::SessionLimit), "{refused:?}");

    let mut listed = Vec::new();
    let mut request = ListSessionsRequest { page_size: 10, page_token: String::new() };
    loop {
        let page = client.clone().list_sessions(request.clone()).await.unwrap().into_inner();
        assert!(page.sessions.len() <= 10);
        listed.extend(page.sessions.into_iter().map(|session| session.session_id));
        if page.next_page_token.is_empty() {
            break;
        }
        request.page_token = page.next_page_token;
    }
    let mut expected: Vec<String> = sessions.iter().map(TestSession::id).collect();
    expected.sort();
    listed.sort();
    assert_eq!(listed, expected);

    assert_eq!(gateway.stop(Signal::TERM).await.code(), Some(0));
    assert!(sessions.iter().all(|session| !is_alive(session.opened.worker_process_id)));
}
