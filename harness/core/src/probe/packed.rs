//! Transfers a result in pieces of a few kilobytes: both streams and the exit code, gzip, base64, cut.
//!
//! Every channel is narrow (a termination message, the output of RunCommand). The shell that runs the script packs the result
//! into one file, prints its length, and returns it piece by piece.

use std::io::Read as _;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use flate2::read::GzDecoder;

/// How much of standard output is kept, bytes.
pub(super) const MAX_STDOUT: usize = 4 * 1024 * 1024;
/// How much of standard error is kept, bytes.
pub(super) const MAX_STDERR: usize = 64 * 1024;
/// Maximum size of a packed result, bytes, which limits the number of pieces.
pub(super) const MAX_PACKED: usize = 384 * 1024;

/// The first word of a packed result.
const MARK: &str = "amiproof-probe";

/// Shell lines that pack `$d/out`, `$d/err` and `$code` into `$d/packed`, and set `$size` to its length. They need what busybox
/// has; a host without gzip sends its result as it is.
pub(super) fn shell() -> String {
    format!(
        r#"head -c {MAX_STDOUT} "$d/out" > "$d/plain.out"
head -c {MAX_STDERR} "$d/err" > "$d/plain.err"
{{ echo "{MARK} $code $(wc -c < "$d/plain.out") $(wc -c < "$d/plain.err")"; cat "$d/plain.out" "$d/plain.err"; }} > "$d/plain"
if command -v gzip > /dev/null; then gzip -c "$d/plain" > "$d/small"; else cat "$d/plain" > "$d/small"; fi
base64 < "$d/small" | tr -d '\n' > "$d/packed"
rm -f "$d/out" "$d/err" "$d/plain.out" "$d/plain.err" "$d/plain" "$d/small"
size=$(($(wc -c < "$d/packed")))
"#
    )
}

/// The content of a packed result.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unpacked {
    pub(super) exit_code: i32,
    pub(super) stdout: String,
    pub(super) stderr: String,
}

/// Unpacks a result.
///
/// # Errors
/// What is wrong with it, as a clause.
pub(super) fn unpack(packed: &str) -> Result<Unpacked, String> {
    let packed: String = packed.split_whitespace().collect();
    let small = BASE64_STANDARD.decode(&packed).map_err(|error| format!("it is not base64: {error}"))?;
    let mut plain = Vec::new();
    if small.starts_with(&[0x1f, 0x8b]) {
        // What a node sends may expand to any size.
        let most = (MAX_STDOUT + MAX_STDERR + 1024) as u64;
        GzDecoder::new(&small[..])
            .take(most)
            .read_to_end(&mut plain)
            .map_err(|error| format!("it cannot be decompressed: {error}"))?;
    } else {
        plain = small;
    }
    let broken = || "it is truncated or corrupt".to_owned();
    let end = plain.iter().position(|byte| *byte == b'\n').ok_or_else(broken)?;
    let head = String::from_utf8_lossy(&plain[..end]).into_owned();
    let body = &plain[end + 1..];
    let mut words = head.split_whitespace();
    let (mark, code, out, err) = (words.next(), words.next(), words.next(), words.next());
    let number = |word: Option<&str>| word.and_then(|word| word.parse::<usize>().ok()).ok_or_else(broken);
    let (out, err) = (number(out)?, number(err)?);
    let exit_code = code.and_then(|word| word.parse().ok()).ok_or_else(broken)?;
    if mark != Some(MARK) || body.len() != out + err {
        return Err(broken());
    }
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ok(Unpacked { exit_code, stdout: text(&body[..out]), stderr: text(&body[out..]) })
}

/// How `timeout` reports that it ended a command: coreutils with 124 (137 when the command had to be killed), busybox with the signal.
pub(super) fn ran_out_of_time(exit_code: i32) -> bool {
    matches!(exit_code, 124 | 137 | 143)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::process::{Command, Stdio};

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn small(plain: &str) -> String {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
        gzip.write_all(plain.as_bytes()).unwrap();
        BASE64_STANDARD.encode(gzip.finish().unwrap())
    }

    #[test]
    fn a_result_comes_back_whole_compressed_or_not() {
        let plain = "amiproof-probe 3 4 5\nout\nerr!\n";
        let wanted = Unpacked { exit_code: 3, stdout: "out\n".to_owned(), stderr: "err!\n".to_owned() };
        assert_eq!(unpack(&small(plain)).as_ref(), Ok(&wanted));
        let mut lines = BASE64_STANDARD.encode(plain);
        lines.insert(8, '\n');
        assert_eq!(unpack(&lines).as_ref(), Ok(&wanted));
    }

    #[test]
    fn a_result_that_is_cut_or_foreign_is_refused() {
        let whole = small("amiproof-probe 0 4 0\nout\n");
        for wrong in [
            &whole[..whole.len() - 8],
            "",
            "%%%",
            &small("amiproof-probe 0 40 0\nout\n"),
            &small("something 0 4 0\nout\n"),
            &small("amiproof-probe x 4 0\nout\n"),
            &small("no line"),
        ] {
            assert!(unpack(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_result_that_unpacks_to_gigabytes_is_stopped() {
        let bomb = small(&format!("amiproof-probe 0 9 9\n{}", "0".repeat(8 * 1024 * 1024)));
        assert!(unpack(&bomb).is_err());
    }

    #[test]
    fn the_shell_lines_pack_what_is_unpacked_here() {
        let folder = tempfile::tempdir().unwrap();
        let script = format!(
            "set -u\nd={}\ncode=7\nprintf 'ä\\n%s' \"$(seq 1 20000)\" > \"$d/out\"\necho oh > \"$d/err\"\n{}cat \"$d/packed\"\necho \" $size\"\n",
            folder.path().display(),
            shell()
        );
        let ran = Command::new("sh").args(["-c", &script]).stdin(Stdio::null()).output().unwrap();
        let printed = String::from_utf8(ran.stdout).unwrap();
        let (packed, size) = printed.trim().rsplit_once(' ').unwrap();
        assert_eq!(packed.len(), size.parse::<usize>().unwrap(), "{}", String::from_utf8_lossy(&ran.stderr));
        let unpacked = unpack(packed).unwrap();
        assert_eq!((unpacked.exit_code, unpacked.stderr.as_str()), (7, "oh\n"));
        assert!(
            unpacked.stdout.starts_with("ä\n1\n2\n") && unpacked.stdout.ends_with("\n20000"),
            "{}",
            unpacked.stdout.len()
        );
    }
}
