//! `anygrad data get`, as far as it can be seen without a network.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::thread;

use super::*;

/// A server on loopback that gives every file this answer.
fn server(status: &'static str, body: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let lines = BufReader::new(&stream).lines();
            lines.map_while(Result::ok).find(String::is_empty);
            let head = format!(
                "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                body.len()
            );
            let _ = stream.write_all(head.as_bytes());
            let _ = stream.write_all(body);
        }
    });
    address
}

fn get(folder: &Path, args: &[&str]) -> Said {
    let mut command = command(folder, &[&["data", "get"], args].concat());
    for proxy in ["http_proxy", "https_proxy", "all_proxy"] {
        command.env_remove(proxy).env_remove(proxy.to_uppercase());
    }
    said(&command.output().unwrap())
}

#[cfg(feature = "download")]
#[test]
fn what_cannot_be_fetched_exits_with_5_and_names_the_address() {
    let folder = empty();
    let mirror = server("404 Not Found", b"");
    let said = get(folder.path(), &["mnist", "--mirror", &mirror]);
    assert_eq!(
        (said.code, said.stdout.as_str()),
        (5, ""),
        "{}",
        said.stderr
    );
    let address = format!("{mirror}/train-images-idx3-ubyte.gz: status 404");
    assert!(said.stderr.contains(&address), "{}", said.stderr);
    assert!(said.stderr.contains("--mirror"), "{}", said.stderr);
}

#[cfg(feature = "download")]
#[test]
fn a_file_that_is_another_one_exits_with_3_and_machines_are_told() {
    let folder = empty();
    fs::create_dir(folder.path().join("mine")).unwrap();
    fs::write(
        folder.path().join("mine/train-images-idx3-ubyte.gz"),
        "no digits",
    )
    .unwrap();
    let args = ["mnist", "--out", "mine", "--json"];
    let said = get(folder.path(), &args);
    assert_eq!(said.code, 3, "{}", said.stderr);
    let object = error_object(&said);
    assert_eq!(object["class"], "data");
    let message = object["message"].as_str().unwrap();
    assert!(
        message.contains("mine/train-images-idx3-ubyte.gz: it is there"),
        "{message}"
    );
}

#[cfg(feature = "download")]
#[test]
fn a_mirror_with_a_file_of_another_length_is_refused_before_it_is_read() {
    let folder = empty();
    let mirror = server("200 OK", b"<html>please sign in</html>");
    let said = get(folder.path(), &["cifar10", "--mirror", &mirror]);
    assert_eq!(said.code, 5, "{}", said.stderr);
    assert!(
        said.stderr
            .contains("a file of 27 bytes, expected 170052171"),
        "{}",
        said.stderr
    );
    let left = fs::read_dir(folder.path().join("cifar10")).unwrap().count();
    assert_eq!(left, 0, "nothing is left behind");
}

#[cfg(not(feature = "download"))]
#[test]
fn a_build_that_cannot_download_says_so_and_names_the_addresses() {
    let said = get(
        empty().path(),
        &["mnist", "--mirror", &server("200 OK", b"")],
    );
    assert_eq!(said.code, 2);
    assert!(
        said.stderr.contains("feature `download`"),
        "{}",
        said.stderr
    );
    assert!(
        said.stderr.contains("/t10k-labels-idx1-ubyte.gz"),
        "{}",
        said.stderr
    );
}

#[test]
fn a_data_set_that_is_not_known_exits_with_2_and_names_those_that_are() {
    let said = get(empty().path(), &["mnits"]);
    assert_eq!(said.code, 2);
    for name in ["'mnist'", "fashion-mnist", "cifar10"] {
        assert!(said.stderr.contains(name), "{name} in {}", said.stderr);
    }
}
