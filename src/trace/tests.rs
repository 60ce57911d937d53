use super::{chrome::TraceFile, *};
use serde_json::Value;

/// There is one recording in a process.
static TURN: Mutex<()> = Mutex::new(());

fn busy(time: Duration) {
    let began = Instant::now();
    while began.elapsed() < time {
        std::hint::spin_loop();
    }
}

#[test]
fn a_span_is_counted_without_the_spans_within() {
    let _turn = lock(&TURN);
    record(Detail::Coarse);
    let began = Instant::now();
    {
        let _collect = span(Stage::Collect);
        busy(Duration::from_millis(2));
        for _ in 0..3 {
            traced(Stage::Simulate, || busy(Duration::from_millis(3)));
            let _unrecorded = fine_span(Stage::DrawList);
        }
    }
    let all = began.elapsed().as_secs_f64();
    let mine = totals().mine;
    record(Detail::Off);
    let (collect, simulate) = (mine.seconds(Stage::Collect), mine.seconds(Stage::Simulate));
    assert!(simulate >= 0.009 && collect >= 0.002, "{simulate} {collect}");
    assert!(collect + simulate <= all, "{collect} + {simulate} > {all}");
    assert_eq!(mine.spans[Stage::Simulate as usize], 3);
    assert_eq!(mine.spans[Stage::DrawList as usize], 0);
}

#[test]
fn nothing_is_recorded_when_off() {
    let _turn = lock(&TURN);
    record(Detail::Off);
    traced(Stage::Simulate, || busy(Duration::from_micros(100)));
    assert_eq!(totals().mine, Totals::default());
}

#[test]
fn stages_are_listed_at_their_place() {
    for (i, stage) in Stage::ALL.into_iter().enumerate() {
        assert_eq!(stage as usize, i);
    }
}

#[test]
fn a_timeline_holds_what_every_thread_did() {
    let _turn = lock(&TURN);
    let dir = temp_dir::TempDir::new().unwrap();
    let path = dir.child("trace.json");
    let file = TraceFile::create(&path).unwrap();
    let work = |long| {
        let _collect = span(Stage::Collect);
        traced(Stage::Simulate, || busy(long));
        // Two that are too short to be listed.
        (0..2).for_each(|_| traced(Stage::Sample, || ()));
    };
    let spawn = |name: &str, long| {
        thread::Builder::new().name(name.into()).spawn(move || work(long)).unwrap()
    };
    let threads = [("timeline a", 2), ("timeline b", 5)]
        .map(|(name, millis)| spawn(name, Duration::from_millis(millis)));
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    counter("things", 7.5);
    file.finish().unwrap();

    let events: Vec<Value> =
        serde_json::from_slice(&std::fs::read(&path).unwrap()).expect("a JSON array");
    let thread_of = |name: &str| {
        let named = |e: &&Value| e["name"] == "thread_name" && e["args"]["name"] == name;
        events.iter().find(named).unwrap()["tid"].clone()
    };
    for (name, millis) in [("timeline a", 2.0), ("timeline b", 5.0)] {
        let thread = thread_of(name);
        let spans: Vec<&Value> =
            events.iter().filter(|e| e["ph"] == "X" && e["tid"] == thread).collect();
        assert_eq!(spans.len(), 2, "{spans:?}");
        let of = |stage: &str| *spans.iter().find(|e| e["name"] == stage).unwrap();
        let number = |e: &Value, key: &str| e[key].as_f64().unwrap();
        let (outer, inner) = (of("collect"), of("simulate"));
        assert!(number(inner, "dur") >= 1e3 * millis);
        assert!(number(inner, "ts") >= number(outer, "ts"));
        let end = |e| number(e, "ts") + number(e, "dur");
        // Nanoseconds were rounded to microseconds of three places.
        assert!(end(inner) <= end(outer) + 0.002);
        assert!(number(&outer["args"], "sample") > 0.0);
    }
    let counted = events.iter().find(|e| e["ph"] == "C" && e["name"] == "things").unwrap();
    assert_eq!(counted["args"]["value"], 7.5);
}
