//! The names of segments as names of files on Windows, where file names cannot have all characters.
#![forbid(unsafe_code)]

/// Characters that no file name can have, and the one that escapes them.
const ESCAPED: [char; 9] = ['<', '>', ':', '"', '\\', '|', '?', '*', ESCAPE];
const ESCAPE: char = '%';
/// The prefix of the file of a segment whose name was removed. Names of segments never begin so.
pub const UNLINKED: &str = "%unlinked-";

/// The file of a segment's name, without the slash, with `%3C` for `<`. Use it only in a verbatim
/// path, in which `con` and a dot at the end are ordinary names.
pub fn file_of(name: &str) -> String {
    let mut file = String::with_capacity(name.len());
    for char in name.trim_start_matches('/').chars() {
        match char < ' ' || ESCAPED.contains(&char) {
            true => file.push_str(&format!("{ESCAPE}{:02X}", u32::from(char))),
            false => file.push(char),
        }
    }
    file
}

/// The segment's name; `None` if the file is not a segment's.
pub fn name_of(file: &str) -> Option<String> {
    let mut parts = file.split(ESCAPE);
    let mut name = format!("/{}", parts.next()?);
    for part in parts {
        let code = u8::from_str_radix(part.get(..2)?, 16).ok()?;
        name.push(char::from(code));
        name.push_str(&part[2..]);
    }
    (file_of(&name) == file).then_some(name)
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn each_name_has_a_file_of_its_own_that_leads_back_to_it() {
        for (name, file) in [
            ("/frames", "frames"),
            ("/a b.", "a b."),
            ("/ü", "ü"),
            ("/con", "con"),
            ("/a<b>", "a%3Cb%3E"),
            ("/100%", "100%25"),
            ("/c:\\x\t", "c%3A%5Cx%09"),
        ] {
            assert_eq!(file_of(name), file);
            assert_eq!(name_of(file).as_deref(), Some(name));
        }
    }

    #[test]
    fn a_file_that_no_name_leads_to_is_none() {
        for file in ["%", "a%3", "a%3cb", "a%41", "%zz", "%ü"] {
            assert_eq!(name_of(file), None, "{file}");
        }
        assert_eq!(name_of(&format!("{UNLINKED}12-1")), None);
    }
}
