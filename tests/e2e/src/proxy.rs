//! A TCP proxy before a gateway, whose connections a test can cut and stall.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

/// What the connections are to do.
#[derive(Clone, Copy, Debug, Default)]
struct Wanted {
    /// Connections of an older generation end.
    generation: u64,
    /// How they end.
    by_reset: bool,
    /// Nothing is passed on, in either direction.
    stalled: bool,
    /// New connections are closed at once.
    refusing: bool,
}

#[derive(Debug)]
struct Shared {
    wanted: watch::Sender<Wanted>,
    /// Bytes passed on to clients.
    down: AtomicU64,
    /// Bytes that may still go to clients before everything is cut.
    fuse: Mutex<Option<u64>>,
}

/// See the module's documentation. Dropping it cuts everything.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

impl Proxy {
    /// Passes connections on to the gateway at `port` of this machine.
    pub async fn to(port: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let shared = Arc::new(Shared {
            wanted: watch::Sender::new(Wanted::default()),
            down: AtomicU64::new(0),
            fuse: Mutex::new(None),
        });
        let task = tokio::spawn(accept(listener, port, Arc::clone(&shared)));
        Self { address, shared, task }
    }

    /// `http://127.0.0.1:PORT`.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Ends every connection now: in order, or by a reset.
    pub fn cut(&self, by_reset: bool) {
        cut(&self.shared, by_reset);
    }

    /// Ends every connection by a reset when this many more bytes went to clients, also inside a frame.
    pub fn cut_after(&self, bytes: u64) {
        *self.shared.fuse.lock() = Some(bytes);
    }

    /// Takes the next cut back.
    pub fn cut_no_more(&self) {
        *self.shared.fuse.lock() = None;
    }

    /// From now on nothing is passed on; connections stay.
    pub fn stall(&self, stalled: bool) {
        self.shared.wanted.send_modify(|wanted| wanted.stalled = stalled);
    }

    /// New connections are closed at once.
    pub fn refuse(&self, refusing: bool) {
        self.shared.wanted.send_modify(|wanted| wanted.refusing = refusing);
    }

    /// Bytes passed on to clients so far.
    pub fn bytes_down(&self) -> u64 {
        self.shared.down.load(Ordering::Relaxed)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn cut(shared: &Shared, by_reset: bool) {
    shared.wanted.send_modify(|wanted| {
        wanted.generation += 1;
        wanted.by_reset = by_reset;
    });
}

async fn accept(listener: TcpListener, port: u16, shared: Arc<Shared>) {
    // Ends its tasks when it is dropped.
    let mut connections = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        while connections.try_join_next().is_some() {}
        if !shared.wanted.borrow().refusing {
            connections.spawn(connection(client, port, Arc::clone(&shared)));
        }
    }
}

async fn connection(mut client: TcpStream, port: u16, shared: Arc<Shared>) {
    let mut wanted = shared.wanted.subscribe();
    let generation = wanted.borrow().generation;
    let Ok(mut gateway) = TcpStream::connect(("127.0.0.1", port)).await else { return };
    let delays = client.set_nodelay(true).and(gateway.set_nodelay(true));
    delays.expect("a socket takes its options");
    {
        let (from_client, to_client) = client.split();
        let (from_gateway, to_gateway) = gateway.split();
        tokio::select! {
            _ = async { tokio::join!(
                pump(from_client, to_gateway, &shared, false),
                pump(from_gateway, to_client, &shared, true),
            ) } => {}
            _ = wanted.wait_for(|wanted| wanted.generation != generation) => {}
        }
    }
    if wanted.borrow().by_reset {
        // Closing then forgets what was not sent yet.
        let lingers = client.set_zero_linger().and(gateway.set_zero_linger());
        lingers.expect("a socket takes its options");
    }
}

async fn pump(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    shared: &Shared,
    down: bool,
) -> io::Result<()> {
    let mut wanted = shared.wanted.subscribe();
    let mut buffer = vec![0; 16 << 10];
    loop {
        wanted.wait_for(|wanted| !wanted.stalled).await.map_err(io::Error::other)?;
        let read = from.read(&mut buffer).await?;
        if read == 0 {
            return to.shutdown().await;
        }
        wanted.wait_for(|wanted| !wanted.stalled).await.map_err(io::Error::other)?;
        let (pass, burnt) = if down { burn(shared, read) } else { (read, false) };
        to.write_all(&buffer[..pass]).await?;
        if down {
            shared.down.fetch_add(pass as u64, Ordering::Relaxed);
        }
        if burnt {
            cut(shared, true);
            return Ok(());
        }
    }
}

/// How much of this may pass, and whether that is the last.
fn burn(shared: &Shared, read: usize) -> (usize, bool) {
    let mut fuse = shared.fuse.lock();
    match fuse.as_mut() {
        None => (read, false),
        Some(left) if *left > read as u64 => {
            *left -= read as u64;
            (read, false)
        }
        Some(left) => {
            let pass = usize::try_from(*left).unwrap_or(read).min(read);
            *fuse = None;
            (pass, true)
        }
    }
}
