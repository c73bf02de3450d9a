//! Progress as bars on a terminal, one a background fetch.

use std::collections::HashMap;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::plain::{moved, name, side_line, total};
use super::report::{Event, FetchReport};

/// The bars on standard error.
#[derive(Debug)]
pub(super) struct Bars {
    all: MultiProgress,
    bars: HashMap<String, ProgressBar>,
}

impl Bars {
    pub(super) fn new(all: MultiProgress) -> Bars {
        Bars { all, bars: HashMap::new() }
    }

    /// Shows an event.
    pub(super) fn show(&mut self, event: &Event) {
        match event {
            Event::Registered(report) => {
                let bar = self.all.add(ProgressBar::no_length());
                bar.set_style(style(report));
                bar.set_prefix(name(report));
                set(&bar, report);
                // What an earlier run downloaded is no part of this one's rate.
                bar.reset_eta();
                self.bars.insert(report.key.clone(), bar);
            }
            Event::Progress(report) | Event::Resumed(report) => {
                if let Some(bar) = self.bars.get(&report.key) {
                    bar.set_prefix(name(report));
                    bar.set_message("");
                    set(bar, report);
                }
            }
            Event::Paused(report) => {
                if let Some(bar) = self.bars.get(&report.key) {
                    bar.set_message("paused");
                    set(bar, report);
                }
            }
            Event::Settled(report) => {
                if let Some(bar) = self.bars.remove(&report.key) {
                    set(&bar, report);
                    bar.abandon_with_message(report.state());
                }
            }
            Event::Removed(report) => {
                if let Some(bar) = self.bars.remove(&report.key) {
                    bar.abandon_with_message("removed");
                }
            }
            other => {
                if let Some((_, line)) = side_line(other) {
                    // Above the bars. Where nothing is drawn it would be lost.
                    if self.all.is_hidden() {
                        crate::exit::note(&line);
                    } else {
                        // A terminal that is gone shows no bars either.
                        let _ = self.all.println(line);
                    }
                }
            }
        }
    }

    /// Leaves unfinished bars on the terminal as they are.
    pub(super) fn finish(&mut self) {
        for bar in self.bars.values() {
            bar.abandon();
        }
    }
}

fn set(bar: &ProgressBar, report: &FetchReport) {
    match total(report) {
        0 => bar.unset_length(),
        total => bar.set_length(total),
    }
    bar.set_position(moved(report));
}

fn style(report: &FetchReport) -> ProgressStyle {
    let template = if total(report) > 0 {
        "{prefix}\n  [{bar:24}] {binary_bytes}/{binary_total_bytes} {binary_bytes_per_sec} {eta} {msg}"
    } else {
        "{prefix}\n  {spinner} {binary_bytes} {binary_bytes_per_sec} {msg}"
    };
    // Origin and title have a line of their own: narrow terminals cut lines off.
    ProgressStyle::with_template(template).expect("the template is well-formed").progress_chars("=> ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use indicatif::{InMemoryTerm, ProgressDrawTarget};

    fn report(key: &str, downloaded: u64, total: u64) -> FetchReport {
        FetchReport {
            key: key.into(),
            id: key.into(),
            origin: "https://a.example".into(),
            title: format!("title {key}"),
            downloaded,
            download_total: total,
            ..FetchReport::default()
        }
    }

    #[test]
    fn one_bar_each_with_and_without_a_total() {
        let terminal = InMemoryTerm::new(10, 200);
        let target = ProgressDrawTarget::term_like_with_hz(Box::new(terminal.clone()), 255);
        let mut bars = Bars::new(MultiProgress::with_draw_target(target));
        bars.show(&Event::Registered(report("1", 0, 2048)));
        bars.show(&Event::Registered(report("2", 0, 0)));
        bars.show(&Event::Progress(report("1", 1024, 2048)));
        bars.show(&Event::Progress(report("2", 512, 0)));
        bars.show(&Event::Console { agent: "window", level: "log".into(), message: "hello".into() });
        let mut settled = report("1", 2048, 2048);
        settled.result = "success".into();
        bars.show(&Event::Settled(settled));
        bars.finish();
        let screen = terminal.contents();
        assert!(screen.contains("[window] hello"), "{screen}");
        assert!(screen.contains("https://a.example “title 1”"), "{screen}");
        assert!(screen.contains("2.00 KiB/2.00 KiB"), "{screen}");
        assert!(screen.contains("success"), "{screen}");
        let second =
            screen.lines().skip_while(|line| !line.contains("title 2")).nth(1).expect("it has two lines");
        assert!(second.contains("512 B") && !second.contains('['), "{second}");
    }
}
