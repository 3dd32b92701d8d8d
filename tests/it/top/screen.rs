//! **Job:** a pseudo terminal with the live screen on it, as an operator has one.
//! **Owns:** `script` of util-linux, and the few escapes that place a letter on a screen.
//! **Never:** knows what the screen should show.

use std::fs::File;
use std::io::Write as _;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long something may take to appear on the screen of a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

const ROWS: usize = 40;
const COLUMNS: usize = 120;

/// The live screen.
pub(super) struct Screen {
    directory: tempfile::TempDir,
    child: Child,
}

impl Screen {
    const OUTPUT: &str = "output";

    pub(super) fn open(url: &str, prepare: impl FnOnce(&mut Command)) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let top = format!("{} top --url {url}", env!("CARGO_BIN_EXE_doorbuster"));
        let line = format!("stty rows {ROWS} cols {COLUMNS}; echo $$ > pid; exec {top}");
        let mut command = Command::new("script");
        command.args(["-qefc", &line, "/dev/null"]).current_dir(directory.path());
        prepare(&mut command);
        let output = File::create(directory.path().join(Self::OUTPUT)).expect("the directory takes files");
        command.stdin(Stdio::piped()).stdout(output).stderr(Stdio::null());
        Self { child: command.spawn().expect("script (util-linux) runs"), directory }
    }

    /// Everything written to the terminal so far.
    fn written(&self) -> String {
        let bytes = std::fs::read(self.directory.path().join(Self::OUTPUT)).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    pub(super) async fn sees(&self, words: &str) {
        let begun = Instant::now();
        while !shown(&self.written()).contains(words) {
            assert!(begun.elapsed() < PATIENCE, "no {words:?} in\n{}", shown(&self.written()));
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub(super) fn press(&mut self, keys: &str) {
        let keyboard = self.child.stdin.as_mut().expect("piped");
        keyboard.write_all(keys.as_bytes()).and_then(|()| keyboard.flush()).expect("the screen is there");
    }

    /// Asks the program on the screen to end.
    pub(super) fn terminate(&self) {
        let id = std::fs::read_to_string(self.directory.path().join("pid")).expect("written before the screen");
        let sent = Command::new("sh").arg("-c").arg(format!("kill -TERM {id}")).status().expect("a shell");
        assert!(sent.success(), "the signal could not be sent");
    }

    /// Waits for the end; the terminal must have its screen and its cursor back.
    pub(super) async fn ends(mut self) -> i32 {
        let begun = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("a child can be asked") {
                break status;
            }
            assert!(begun.elapsed() < PATIENCE, "still there: {:?}", self.written());
            tokio::time::sleep(Duration::from_millis(20)).await;
        };
        let written = self.written();
        let (left, entered) = (written.rfind("\u{1b}[?1049l"), written.rfind("\u{1b}[?1049h"));
        assert!(left.is_some() && left > entered, "the other screen is left: {written:?}");
        assert!(written.rfind("\u{1b}[?25h") > written.rfind("\u{1b}[?25l"), "the cursor is back: {written:?}");
        status.code().expect("no signal")
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // Both fail only if it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The screen after all that was written: letters go where the cursor is, and only what has changed is written again.
fn shown(written: &str) -> String {
    let mut screen = vec![vec![' '; COLUMNS]; ROWS];
    let (mut row, mut column) = (0, 0);
    let mut rest = written;
    while let Some(letter) = rest.chars().next() {
        rest = &rest[letter.len_utf8()..];
        if letter == '\u{1b}' {
            let end = rest.find(|letter: char| letter.is_ascii_alphabetic()).unwrap_or(rest.len() - 1);
            let mut numbers = rest[..end].trim_start_matches('[').split(';').map(str::parse::<usize>);
            match &rest[end..=end] {
                "H" => {
                    let mut next = || numbers.next().and_then(Result::ok).unwrap_or(1) - 1;
                    (row, column) = (next(), next());
                }
                "J" => screen.iter_mut().for_each(|row| row.fill(' ')),
                _ => {}
            }
            rest = &rest[end + 1..];
        } else if letter == '\n' {
            (row, column) = (row + 1, 0);
        } else if let Some(cell) = screen.get_mut(row).and_then(|row| row.get_mut(column)).filter(|_| letter != '\r') {
            *cell = letter;
            column += 1;
        }
    }
    screen.into_iter().map(|row| row.into_iter().collect::<String>() + "\n").collect()
}
