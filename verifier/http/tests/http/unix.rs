use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};

use axum::Router;
use axum::routing::{get, post};
use farthing_http::client::{CallError, Unsent};
use farthing_http::extract::Json;
use farthing_http::problem::Code;
use farthing_http::server::{Limits, harden, serve_unix};
use farthing_http::unix_client::UnixClient;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

struct Control {
    path: PathBuf,
    stop: oneshot::Sender<()>,
    task: JoinHandle<std::io::Result<()>>,
}

impl Control {
    async fn start(path: PathBuf) -> Self {
        let router = Router::new()
            .route("/double", post(async |Json(n): Json<u32>| Json(n * 2)))
            .route("/no", get(async || Code::KeysetEnded));
        let (stop, stopped) = oneshot::channel::<()>();
        let task = tokio::spawn(serve_unix(path.clone(), harden(router, Limits::default()), async {
            stopped.await.ok();
        }));
        // There when the first call is answered.
        let client = UnixClient::new(&path).unwrap();
        while let Err(error) = client.post_json::<_, u32>("double", &1).await {
            assert_eq!(error, CallError::NotSent(Unsent::Connection));
            assert!(!task.is_finished());
            tokio::task::yield_now().await;
        }
        Self { path, stop, task }
    }

    async fn end(self) {
        self.stop.send(()).unwrap();
        self.task.await.unwrap().unwrap();
    }
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        folder.read_dir().unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[tokio::test]
async fn a_control_socket_is_private_and_goes_with_its_service() {
    let folder = tempfile::tempdir().unwrap();
    let control = Control::start(folder.path().join("run/control.sock")).await;
    let run = folder.path().join("run");
    let path = control.path.clone();
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&run), mode(&path)), (0o700, 0o600));
    assert_eq!(names(&run), ["control.sock", "control.sock.lock"]);

    let client = UnixClient::new(&path).unwrap();
    assert_eq!(client.post_json::<_, u32>("/double", &21).await, Ok(42));
    let refused = client.get_json::<u32>("no").await.unwrap_err();
    assert_eq!(refused.problem().unwrap().known(), Some(Code::KeysetEnded));
    let refused = client.get_json::<u32>("nowhere").await.unwrap_err();
    assert_eq!(refused.problem().unwrap().known(), Some(Code::NotFound));
    assert_eq!(client.get_json::<u32>("../no").await, Err(CallError::NotSent(Unsent::Request)));

    control.end().await;
    assert_eq!(names(&run), ["control.sock.lock"]);
    assert_eq!(client.get_json::<u32>("no").await, Err(CallError::NotSent(Unsent::Connection)));
}

#[tokio::test]
async fn a_socket_left_behind_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("control.sock");
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    std::fs::create_dir(folder.path().join(".control.sock")).unwrap();
    std::fs::write(folder.path().join(".control.sock/s"), "").unwrap();
    assert!(path.symlink_metadata().unwrap().file_type().is_socket());
    let control = Control::start(path).await;
    assert_eq!(names(folder.path()), ["control.sock", "control.sock.lock"]);
    control.end().await;
}

#[tokio::test]
async fn a_socket_in_use_stays() {
    let folder = tempfile::tempdir().unwrap();
    let control = Control::start(folder.path().join("control.sock")).await;
    let second = serve_unix(&control.path, Router::new(), std::future::ready(())).await;
    assert_eq!(second.unwrap_err().kind(), std::io::ErrorKind::AddrInUse);
    let client = UnixClient::new(&control.path).unwrap();
    assert_eq!(client.post_json::<_, u32>("double", &2).await, Ok(4));
    control.end().await;

    // Served by something that knows nothing of the lock.
    let path = folder.path().join("other.sock");
    let _other = std::os::unix::net::UnixListener::bind(&path).unwrap();
    let second = serve_unix(&path, Router::new(), std::future::ready(())).await;
    assert_eq!(second.unwrap_err().kind(), std::io::ErrorKind::AddrInUse);
    assert!(path.exists());
}

#[tokio::test]
async fn nothing_but_a_socket_is_removed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("control.sock");
    std::fs::write(&path, "precious").unwrap();
    let refused = serve_unix(&path, Router::new(), std::future::ready(())).await;
    assert_eq!(refused.unwrap_err().kind(), std::io::ErrorKind::AlreadyExists);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "precious");
    assert!(serve_unix("/", Router::new(), std::future::ready(())).await.is_err());
}

#[tokio::test]
async fn a_name_taken_over_by_another_is_left_to_it() {
    let folder = tempfile::tempdir().unwrap();
    let control = Control::start(folder.path().join("control.sock")).await;
    let path = control.path.clone();
    std::fs::remove_file(&path).unwrap();
    std::fs::write(&path, "other").unwrap();
    control.end().await;
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "other");
}
