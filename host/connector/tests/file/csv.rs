//! CSV files that are good.

use crate::support::{Project, gzip, partition, read, rejects, rows, zstd};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tidegate_core::port::Connector;
use tidegate_core::schema::Column;

const COLUMNS: &str = "id: int64; name: utf8; amount: float64";

#[tokio::test]
async fn a_plain_file_is_read_in_batches() {
    let project = Project::new();
    project.write("a.csv", "id,name,amount\n1,a,1.5\n2,b,\n3,,3\n4,d,-4e2\n");
    let spec = project.source("{path: a.csv}", COLUMNS);
    assert_eq!(
        rows(&spec).await.unwrap(),
        ["1|a|1.5", "2|b|~", "3|~|3.0", "4|d|-400.0"]
    );
    let sizes: Vec<_> = read(&spec, None, None, 3)
        .await
        .unwrap()
        .iter()
        .map(|batch| batch.batch.num_rows())
        .collect();
    assert_eq!(sizes, [3, 1]);
}

#[tokio::test]
async fn columns_come_in_the_order_of_the_schema_and_others_are_passed_over() {
    let project = Project::new();
    project.write("a.csv", "z,amount,y,id,name\n?,1,?,2,three\n");
    let spec = project.source("{path: a.csv}", COLUMNS);
    assert_eq!(rows(&spec).await.unwrap(), ["2|three|1.0"]);
}

#[tokio::test]
async fn line_ends_byte_order_mark_and_blank_lines_do_not_matter() {
    let project = Project::new();
    let spec = project.source("{path: a.csv}", COLUMNS);
    for text in [
        "\u{feff}id,name,amount\r\n1,a,1\r\n\r\n2,b,2\r\n",
        "\n\nid,name,amount\n\n\n1,a,1\n\n2,b,2\n\n\n",
        "id,name,amount\r1,a,1\r2,b,2",
        "id,name,amount\n1,a,1\r\n2,b,2\r",
    ] {
        project.write("a.csv", text);
        assert_eq!(rows(&spec).await.unwrap(), ["1|a|1.0", "2|b|2.0"], "{text:?}");
    }
}

#[tokio::test]
async fn quotes_hold_delimiters_line_ends_and_themselves() {
    let project = Project::new();
    let spec = project.source("{path: a.csv}", COLUMNS);
    project.write("a.csv", "\"id\",name,\"amount\"\n1,\"a,b\",1\n\"2\",\"line\nbreak\r\nand \"\"quote\"\"\",2\n3,x\"y\"\"z,3\n4,\"a\"b\"c,4\n5,\"\",5\n");
    assert_eq!(
        rows(&spec).await.unwrap(),
        [
            "1|a,b|1.0",
            "2|line\nbreak\r\nand \"quote\"|2.0",
            "3|x\"y\"\"z|3.0",
            "4|ab\"c|4.0",
            "5|~|5.0"
        ]
    );
}

#[tokio::test]
async fn delimiter_quote_and_header_can_be_set() {
    let project = Project::new();
    project.write("a.txt", "1;'a;b';2\n2;\"c;3\n");
    let spec = project.source(
        "{path: a.txt, format: csv, delimiter: ;, quote: \"'\", header: false}",
        COLUMNS,
    );
    assert_eq!(rows(&spec).await.unwrap(), ["1|a;b|2.0", "2|\"c|3.0"]);
    project.write("b.tsv", "id\tname\tamount\n1\ta,\"b\t2\n");
    let spec = project.source("{path: b.tsv, quote: \"\"}", COLUMNS);
    assert_eq!(rows(&spec).await.unwrap(), ["1|a,\"b|2.0"]);
}

#[tokio::test]
async fn null_markers_stand_for_no_value() {
    let project = Project::new();
    project.write("a.csv", "id,name,amount\nNA,NA,NA\n-999,,1\n,nA,\n");
    let spec = project.source("{path: a.csv, nulls: [NA, \"-999\"]}", COLUMNS);
    assert_eq!(rows(&spec).await.unwrap(), ["~|~|~", "~||1.0", "~|nA|~"]);
}

#[tokio::test]
async fn a_header_alone_is_no_rows() {
    let project = Project::new();
    for text in [
        "id,name,amount\n",
        "id,name,amount",
        "\u{feff}id,name,amount\r\n\r\n",
    ] {
        project.write("a.csv", text);
        assert!(
            read(&project.source("{path: a.csv}", COLUMNS), None, None, 3)
                .await
                .unwrap()
                .is_empty()
        );
    }
}

#[tokio::test]
async fn every_type_is_read() {
    let project = Project::new();
    let types = "a: boolean; b: int8; c: uint64; d: float32; e: decimal(12,2); f: decimal(50,3); g: date32; h: time64(us); \
                 i: timestamp(ms, UTC); j: timestamp(ms); k: timestamp(us, America/New_York); l: duration(s); m: timestamp(ns)";
    project.write(
        "a.csv",
        "a,b,c,d,e,f,g,h,i,j,k,l,m\n\
         TRUE,-128,18446744073709551615,0.5,-1234567890.10,1.500,2013-02-28,10:11:12.000013,2013-01-01T10:00:00Z,2013-01-01 10:00:00.123,2013-07-01T00:00:00,90,1970-01-01\n\
         0,127,0,NaN,3,0,1969-12-31,00:00:00,2013-01-01T10:00:00+02:00,2013-01-01,2013-01-01 00:00:00Z,-1,2000-01-01T00:00:00.000000001\n",
    );
    assert_eq!(
        rows(&project.source("{path: a.csv}", types)).await.unwrap(),
        [
            "true|-128|18446744073709551615|0.5|-1234567890.10|1.500|2013-02-28|10:11:12.000013|2013-01-01T10:00:00Z|2013-01-01T10:00:00.123|2013-07-01T00:00:00-04:00|PT90S|1970-01-01T00:00:00",
            "false|127|0|NaN|3.00|0.000|1969-12-31|00:00:00|2013-01-01T08:00:00Z|2013-01-01T00:00:00|2012-12-31T19:00:00-05:00|-PT1S|2000-01-01T00:00:00.000000001",
        ]
    );
}

#[tokio::test]
async fn a_pattern_names_many_files_in_order() {
    let project = Project::new();
    project.write("d/b.csv", "id,name,amount\n3,c,3\n");
    project.write("d/a.csv", "amount,id,name\n1,1,a\n2,2,b\n");
    project.write("d/c.csv.gz", gzip(b"id,name,amount\n4,d,4\n"));
    project.write("d/.hidden.csv", "nonsense");
    project.write("other/e.csv", "id,name,amount\n9,z,9\n");
    let spec = project.source("{path: \"d/*.csv*\", format: csv}", COLUMNS);
    assert_eq!(
        rows(&spec).await.unwrap(),
        ["1|a|1.0", "2|b|2.0", "3|c|3.0", "4|d|4.0"]
    );
}

#[tokio::test]
async fn a_partition_key_stands_in_the_path() {
    let project = Project::new();
    project.write("2013-01/a.csv", "id,name,amount\n1,a,1\n");
    project.write("2013-02/a.csv", "id,name,amount\n2,b,2\n");
    let spec = project.source("{path: \"{partition}/*.csv\"}", COLUMNS);
    let february = read(&spec, Some(&partition("2013-02")), None, 3).await.unwrap();
    assert_eq!(crate::support::lines(&february), ["2|b|2.0"]);
    assert_eq!(rows(&spec).await.unwrap().len(), 2);
    let none = read(&spec, Some(&partition("2013-0*")), None, 3)
        .await
        .unwrap_err();
    assert_eq!(none.code, "file.not_found");
}

#[tokio::test]
async fn compressed_files_are_unpacked() {
    let project = Project::new();
    let whole = b"id,name,amount\n1,a,1\n2,b,2\n3,c,3\n";
    let members = [gzip(&whole[..20]), gzip(&whole[20..27]), gzip(&whole[27..])].concat();
    let frames = [zstd(&whole[..20]), zstd(&whole[20..])].concat();
    for (name, bytes) in [
        ("a.csv.gz", gzip(whole)),
        ("b.csv.gz", members),
        ("c.csv.zst", zstd(whole)),
        ("d.csv", frames),
        ("e.csv.gz", whole.to_vec()),
    ] {
        project.write(name, bytes);
        let spec = project.source(&format!("{{path: {name}}}"), COLUMNS);
        assert_eq!(
            rows(&spec).await.unwrap(),
            ["1|a|1.0", "2|b|2.0", "3|c|3.0"],
            "{name}"
        );
    }
}

#[tokio::test]
async fn bad_rows_are_kept_aside_when_asked() {
    let project = Project::new();
    let mut text = b"id,name,amount\n1,a,1\nx,b,2\n\n\"3\nlines\",c\n4,\"d\nd\",oops\n5,e,5\n6,\xff,6\n7,g,7,7\r\n8,h,8\n".to_vec();
    text.extend_from_slice(b"9,\xc3\xa9,9\n");
    project.write("a.csv", text);
    let spec = project.source("{path: a.csv, on_bad_row: quarantine}", COLUMNS);
    for batch_rows in [1, 2, 100] {
        let batches = read(&spec, None, None, batch_rows).await.unwrap();
        assert_eq!(
            crate::support::lines(&batches),
            ["1|a|1.0", "5|e|5.0", "8|h|8.0", "9|é|9.0"]
        );
        assert_eq!(
            rejects(&batches),
            [
                "3 file.csv.bad_value x,b,2",
                "5 file.csv.ragged_row \"3\nlines\",c",
                "7 file.csv.bad_value 4,\"d\nd\",oops",
                "10 file.bad_encoding 6,\u{fffd},6",
                "11 file.csv.ragged_row 7,g,7,7",
            ]
        );
    }
}

#[tokio::test]
async fn values_are_those_that_arrow_reads() {
    let project = Project::new();
    let mut random = StdRng::seed_from_u64(11);
    let mut text = "a,b,c,d,e,f\n".to_owned();
    for _ in 0..5_000 {
        let mut field = |make: &mut dyn FnMut(&mut StdRng) -> String| {
            let value = if random.random_bool(0.1) {
                String::new()
            } else {
                make(&mut random)
            };
            if random.random_bool(0.2) {
                format!("\"{value}\"")
            } else {
                value
            }
        };
        let fields = [
            field(&mut |random| random.random::<i64>().to_string()),
            field(&mut |random| random.random::<f64>().to_string()),
            field(&mut |random| random.random::<bool>().to_string()),
            field(&mut |random| {
                "é,x "
                    .repeat(random.random_range(0..3))
                    .replace(',', if random.random() { ";" } else { "" })
            }),
            field(&mut |random| {
                format!(
                    "20{:02}-0{}-1{}",
                    random.random_range(0..99),
                    random.random_range(1..9),
                    random.random_range(0..9)
                )
            }),
            field(&mut |random| {
                format!(
                    "2013-0{}-01T0{}:00:00.{:03}Z",
                    random.random_range(1..9),
                    random.random_range(0..9),
                    random.random_range(0..999)
                )
            }),
        ];
        text.push_str(&fields.join(","));
        text.push_str(if random.random() { "\n" } else { "\r\n" });
    }
    project.write("a.csv", &text);
    let spec = project.source(
        "{path: a.csv}",
        "a: int64; b: float64; c: boolean; d: utf8; e: date32; f: timestamp(ms, UTC)",
    );
    let ours = read(&spec, None, None, 512).await.unwrap();
    let theirs = arrow_csv::ReaderBuilder::new(Column::schema(&spec.columns))
        .with_header(true)
        .with_batch_size(512)
        .build(text.as_bytes())
        .unwrap();
    let theirs: Vec<_> = theirs.map(Result::unwrap).collect();
    assert_eq!(
        ours.into_iter().map(|batch| batch.batch).collect::<Vec<_>>(),
        theirs
    );
}

#[test]
fn the_published_schemas_describe_every_key() {
    let [resource, source, destination] = tidegate_connector::file::FileConnector.json_schemas();
    let text = |schema: schemars::Schema| serde_json::to_string(&schema).unwrap();
    assert!(text(resource).contains("\"additionalProperties\":false"));
    assert!(text(source).contains("the character between fields"));
    assert!(text(destination).contains("122880"));
}
