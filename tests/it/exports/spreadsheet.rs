//! **Job:** a CSV file opened in a real spreadsheet: nothing runs, and nothing is taken for something else.
//! **Owns:** Gnumeric's converter, which reads a file as the spreadsheet does.
//! **Never:** trusts our own idea of what looks like a number.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::{bought, export, sold};

/// The cells of the sheet that Gnumeric makes of a file, each with its type: `60` is a text, `40` a number.
fn cells(folder: &Path, csv: &str) -> Vec<(String, Option<String>, String)> {
    let (from, to) = (folder.join("export.csv"), folder.join("export.xml"));
    fs::write(&from, csv).expect("the folder takes files");
    let mut command = Command::new("ssconvert");
    command.args(["--import-type=Gnumeric_stf:stf_csvtab", "--export-type=Gnumeric_XmlIO:sax:0"]).args([&from, &to]);
    let output = command.output().expect("gnumeric is installed: make prepare");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let sheet = fs::read_to_string(&to).expect("a sheet");
    let attribute = |tag: &str, name: &str| {
        let (_, rest) = tag.split_once(&format!("{name}=\""))?;
        rest.split_once('"').map(|(value, _)| value.to_owned())
    };
    let cell = |part: &str| {
        let (tag, rest) = part.split_once('>').expect("a tag ends");
        let content = rest.split("</gnm:Cell>").next().unwrap_or_default().to_owned();
        (attribute(tag, "Row").expect("a row"), attribute(tag, "ValueType"), content)
    };
    sheet.split("<gnm:Cell ").skip(1).map(cell).collect()
}

#[tokio::test]
async fn a_real_spreadsheet_runs_nothing_and_keeps_every_text() {
    let server = sold().await;
    let users = [
        "007",
        "103547991597142817347",
        "2026-11-28",
        "1e5",
        "12:30",
        "+491511234567",
        "-1",
        "=1+1",
        "3.10",
        "1/2",
        "10jan",
    ];
    for user in users {
        bought(&server, user, "sku-1", 1).await;
    }
    let csv = export(&server, &["orders", "--format", "csv"]);
    let cells = cells(server.directory(), &csv);
    let formulas: Vec<_> = cells.iter().filter(|(_, kind, _)| kind.is_none()).collect();
    assert!(formulas.is_empty(), "a formula has no type of a value: {formulas:?}");
    for user in users {
        let shown = |(_, kind, content): &&(String, Option<String>, String)| {
            kind.as_deref() == Some("60") && content.trim_start_matches('\'') == user
        };
        assert!(cells.iter().any(|cell| shown(&cell)), "{user} is not a text in {cells:?}");
    }
    let texts =
        |wanted: &str| cells.iter().any(|(_, kind, content)| kind.as_deref() == Some("60") && content == wanted);
    for order in csv.lines().skip(1).filter_map(|line| line.split(',').next()) {
        assert!(texts(order), "{order} is not a text");
    }
    let numbers = |wanted: &str| {
        let is_it = |content: &str| content.parse::<f64>().ok() == wanted.parse::<f64>().ok();
        cells.iter().any(|(_, kind, content)| kind.as_deref() == Some("40") && is_it(content))
    };
    for amount in ["39.80", "12.345", "1500"] {
        assert!(numbers(amount), "{amount} is not a number");
    }
}
