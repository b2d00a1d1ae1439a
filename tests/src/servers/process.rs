//! A server's process, which never outlives the test that started it.

use std::io::Write;
use std::net::{Ipv4Addr, Ipv6Addr, TcpListener};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

use super::folder::ServerFolder;

/// How long a server may take until it serves.
const PATIENCE: Duration = Duration::from_secs(40);

/// How often a start is tried anew when somebody else was faster at the port.
const ATTEMPTS: u32 = 5;

/// Where a server listens.
const LOOPBACK: [&str; 2] = ["127.0.0.1", "::1"];

/// Starts the server and waits for its end. Its own stdin is a pipe from the test: a line in it names the
/// signal that ends the server; its end, however the test came to its own, ends the server and takes the
/// folder away as well. Without this, a test that is killed would leave its servers behind, and one that is
/// shared by a whole test program is dropped by nobody.
const KEEPER: &str = r#"
folder=$1 ending=$2
shift 2
exec 3<&0 </dev/null
"$@" 3<&- &
server=$!
echo "$server" >"$folder/server.pid"
{
    if read -r signal; then ending=$signal; else : >"$folder/abandoned"; fi
    kill -"$ending" "$server"
    kill -CONT "$server"
} <&3 3<&- &
listener=$!
exec 3<&-
wait "$server"
kill "$listener"
[ ! -e "$folder/abandoned" ] || rm -rf "$folder"
"#;

/// A server's process and its keeper.
#[derive(Debug)]
pub(super) struct ServerProcess {
    keeper: Child,
    orders: Option<ChildStdin>,
}

impl ServerProcess {
    /// Starts a server, whose words go to the log. The signal is what ends it when nobody needs it any more.
    fn start(folder: &ServerFolder, server: &Command, log: &Path, ending: &str) -> Self {
        let log_file = std::fs::File::options().append(true).open(log).unwrap();
        let mut keeper = folder.command(Path::new("sh"));
        keeper.args(["-c", KEEPER, "keeper"]).arg(folder.path()).arg(ending);
        keeper.arg(server.get_program()).args(server.get_args());
        keeper
            .stdin(Stdio::piped())
            .stdout(log_file.try_clone().unwrap())
            .stderr(log_file)
            // An interrupt at the terminal is for the tests; the keeper then cleans up after them.
            .process_group(0);
        let mut keeper = keeper.spawn().unwrap();
        let orders = keeper.stdin.take();
        Self { keeper, orders }
    }

    /// Whether it came to its end.
    fn has_ended(&mut self) -> bool {
        self.keeper.try_wait().unwrap().is_some()
    }

    /// Ends the server with a signal and waits until it is gone. The folder stays.
    pub fn end(mut self, signal: &str) {
        if let Some(orders) = &mut self.orders {
            let _ = writeln!(orders, "{signal}");
        }
        self.keeper.wait().unwrap();
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        drop(self.orders.take());
        let _ = self.keeper.wait();
    }
}

/// How a server is started.
pub(super) struct Start<'a> {
    /// The server's folder.
    pub folder: &'a ServerFolder,
    /// The signal that ends it at once, without harm for the machine.
    pub ending: &'static str,
    /// Whether it serves, judged by what it said since it was started.
    pub is_ready: fn(&str) -> bool,
}

impl Start<'_> {
    /// Starts a server at a free port. Ports cannot be reserved: where somebody else was faster, at any of
    /// the addresses, the next one is tried.
    pub fn at_a_free_port(&self, server: impl Fn(u16) -> Command) -> (ServerProcess, u16) {
        for _ in 0..ATTEMPTS {
            let port = free_port();
            if let Some(process) = self.at(&server(port)) {
                return (process, port);
            }
        }
        panic!("no free port in {ATTEMPTS} attempts:\n{}", log(self.folder));
    }

    /// Starts a server anew at the port that it had.
    pub fn again(&self, server: &Command) -> ServerProcess {
        self.at(server).unwrap_or_else(|| panic!("the port is taken:\n{}", log(self.folder)))
    }

    /// Starts a server and waits until it serves; none when it could not listen where it should.
    fn at(&self, server: &Command) -> Option<ServerProcess> {
        let path = self.folder.join("log");
        let before = std::fs::read(&path).map_or(0, |words| words.len());
        if before == 0 {
            std::fs::write(&path, "").unwrap();
        }
        let mut process = ServerProcess::start(self.folder, server, &path, self.ending);
        let begun = Instant::now();
        loop {
            let ended = process.has_ended();
            let words = log_from(self.folder, before);
            let ready = (self.is_ready)(&words);
            if (ended || ready) && has_no_port(&words) {
                process.end(self.ending);
                return None;
            }
            if ready && !ended {
                return Some(process);
            }
            assert!(!ended, "{server:?} ended:\n{words}");
            assert!(begun.elapsed() < PATIENCE, "{server:?} does not serve:\n{words}");
            std::thread::sleep(Duration::from_millis(3));
        }
    }
}

/// What the server said so far.
pub(super) fn log(folder: &ServerFolder) -> String {
    log_from(folder, 0)
}

/// The server's own process.
pub(super) fn server_process(folder: &ServerFolder) -> u32 {
    std::fs::read_to_string(folder.join("server.pid")).unwrap().trim().parse().unwrap()
}

fn log_from(folder: &ServerFolder, before: usize) -> String {
    String::from_utf8_lossy(&std::fs::read(folder.join("log")).unwrap()[before..]).into_owned()
}

/// What all three servers say, each in its own words, when a port is not theirs.
fn has_no_port(words: &str) -> bool {
    words.contains("Address already in use")
}

/// The loopback addresses that this machine has; some have no IPv6.
pub(super) fn loopback_addresses() -> String {
    let there = LOOPBACK.iter().filter(|address| TcpListener::bind((**address, 0)).is_ok());
    there.copied().collect::<Vec<_>>().join(",")
}

/// A port that is free in both families at this moment.
fn free_port() -> u16 {
    loop {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        match TcpListener::bind((Ipv6Addr::LOCALHOST, port)) {
            Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {}
            _ => return port,
        }
    }
}
