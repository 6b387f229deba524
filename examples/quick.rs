use anygrad::{config, gpu::*, train::*};
fn main() {
    let a: Vec<String> = std::env::args().collect();
    let text = config::SHIPPED.iter().find(|s| s.0 == a[1]).unwrap().1;
    let config = config::parse(&a[1], text, &a[3..]).unwrap();
    let data = (a[2] != "-").then(|| a[2].clone().into());
    let r = Request {
        config,
        data,
        init: None,
        adapter: Choice::Best,
        trust: Trust::Trusted,
    };
    let o = train(&r, &mut |e| {
        match e {
            Event::Progress(_) => {}
            e => eprintln!("{e:?}"),
        };
        Ok(())
    });
    match o {
        Ok(o) => eprintln!(
            "{:?} startup {} train {} bytes {} waits {}",
            o.test, o.startup_seconds, o.train_seconds, o.bytes_read, o.blocking_waits
        ),
        Err(e) => eprintln!("{e}"),
    }
}
