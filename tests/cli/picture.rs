//! The picture of the README: parts of what the demo printed, drawn as a terminal shows them. The committed
//! file is compared with a fresh run, ids, times and sizes apart; `LASTGOOD_WRITE_DOCS=1` draws it anew.

use std::fmt::Write as _;
use std::path::PathBuf;

/// From the line with this to the one before that.
const PARTS: [(&str, &str); 3] = [
    ("In the night somebody was in.", "The payroll policy,"),
    ("Undo all that came from that address", "Dangerous steps"),
    ("The proof:", "$ lastgood check"),
];
/// Most characters of a line.
const WIDTH: usize = 80;

fn file() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs/demo.svg")
}

/// Holds the committed picture against what was printed.
pub(crate) fn is_true(printed: &str) {
    let lines = parts(printed);
    if std::env::var_os("LASTGOOD_WRITE_DOCS").is_some() {
        std::fs::write(file(), drawn(&lines)).unwrap();
    }
    let shown = std::fs::read_to_string(file()).unwrap_or_default();
    let mut shown: Vec<String> = shown.lines().filter_map(text_of).map(|line| alike(&line)).collect();
    let mut fresh: Vec<String> =
        lines.iter().map(|line| alike(&plain(line))).filter(|line| !line.trim().is_empty()).collect();
    // What stands in the order of ids stands in another in another run.
    shown.sort();
    fresh.sort();
    assert_eq!(shown, fresh, "draw it anew with LASTGOOD_WRITE_DOCS=1");
}

fn parts(printed: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for (from, to) in PARTS {
        let part =
            printed.lines().skip_while(|line| !line.contains(from)).take_while(|line| !line.contains(to));
        lines.extend(part.flat_map(wrapped));
    }
    assert!(lines.len() > 30, "the demo does not print these parts any more: {lines:?}");
    lines
}

/// A line as a terminal of that width breaks it; colour codes take no place.
fn wrapped(line: &str) -> Vec<String> {
    let (mut out, mut now, mut count, mut in_code) = (Vec::new(), String::new(), 0, false);
    for c in line.chars() {
        in_code |= c == '\u{1b}';
        if !in_code && count == WIDTH {
            out.push(std::mem::take(&mut now));
            count = 0;
        }
        now.push(c);
        count += usize::from(!in_code);
        in_code &= c != 'm';
    }
    out.push(now);
    out
}

/// Text without colour codes.
fn plain(line: &str) -> String {
    spans(line).into_iter().map(|(_, text)| text).collect()
}

/// Runs of text with the class that their colour has.
fn spans(line: &str) -> Vec<(&'static str, String)> {
    let mut out: Vec<(&'static str, String)> = vec![("", String::new())];
    let mut rest = line;
    while let Some((before, after)) = rest.split_once("\u{1b}[") {
        out.last_mut().unwrap().1.push_str(before);
        let (code, after) = after.split_once('m').unwrap_or((after, ""));
        let class = match code {
            "1" => "b",
            "31" => "r",
            "32" => "g",
            "33" => "y",
            "36" => "c",
            _ => "",
        };
        out.push((class, String::new()));
        rest = after;
    }
    out.last_mut().unwrap().1.push_str(rest);
    out.retain(|(_, text)| !text.is_empty());
    out
}

fn drawn(lines: &[String]) -> String {
    let height = 20 * lines.len() + 40;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 760 {height}\" font-family=\"ui-monospace,Menlo,Consolas,monospace\" font-size=\"15\">\n\
         <title>lastgood demo, parts of a run</title>\n\
         <style>rect{{fill:#fbfbf8}}text{{fill:#24292f;white-space:pre}}.b{{font-weight:bold}}.r{{fill:#b42318}}.g{{fill:#1a7f37}}.y{{fill:#9a6700}}.c{{fill:#0b6e8f}}\n\
         @media(prefers-color-scheme:dark){{rect{{fill:#16191d}}text{{fill:#d7dce2}}.r{{fill:#ff8a80}}.g{{fill:#7ee2a8}}.y{{fill:#f2cc60}}.c{{fill:#6cc7e6}}}}</style>\n\
         <rect width=\"760\" height=\"{height}\" rx=\"10\"/>\n"
    );
    for (place, line) in lines.iter().enumerate() {
        let inner: String = spans(line)
            .into_iter()
            .map(|(class, text)| match class {
                "" => escaped(&text),
                class => format!("<tspan class=\"{class}\">{}</tspan>", escaped(&text)),
            })
            .collect();
        if !inner.trim().is_empty() {
            let _ = writeln!(
                out,
                "<text x=\"20\" y=\"{}\" xml:space=\"preserve\">{inner}</text>",
                20 * place + 32
            );
        }
    }
    out + "</svg>\n"
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// The text of a line of the picture.
fn text_of(line: &str) -> Option<String> {
    let inner = line.strip_prefix("<text")?.split_once('>')?.1.strip_suffix("</text>")?;
    let mut out = String::new();
    let mut in_tag = false;
    for c in inner.chars() {
        match c {
            '<' => in_tag = true,
            '>' => in_tag = false,
            c if !in_tag => out.push(c),
            _ => {}
        }
    }
    Some(out.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&"))
}

/// A line with each word that another run has otherwise in the same form.
fn alike(line: &str) -> String {
    let word = |word: &str| {
        // The short id of a change is eight figures of sixteen: in one of some 2,500, all of them are letters.
        let short_id = word.len() == 8 && word.chars().all(|c| matches!(c, '0'..='9' | 'a'..='f'));
        let numbered = word.chars().any(|c| c.is_ascii_digit()) && !word.starts_with("203.");
        if short_id || numbered { "#".to_owned() } else { word.to_owned() }
    };
    line.split([' ', '/', '-', '(', ')', ','])
        .filter(|word| !word.is_empty())
        .map(word)
        .collect::<Vec<_>>()
        .join(" ")
}
