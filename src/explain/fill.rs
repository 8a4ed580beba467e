//! Commands with the places from the text in them. What the text does not tell stays a word in capitals; what could mean something to a
//! shell is never put in.

use super::facts::Facts;
use crate::model::Evidence;

/// Place → what stands there when the text does not tell.
const PLACES: &[(&str, &str)] = &[
    ("{endpoint}", "HOST:PORT"),
    ("{name}", "NAME"),
    ("{file}", "FILE"),
    ("{service}", "the service"),
    ("{namespace}", "NAMESPACE"),
    ("{from}", "at the other end"),
];

/// The template with everything filled in.
pub(super) fn fill(template: &str, facts: &Facts) -> String {
    PLACES.iter().fold(template.to_owned(), |text, (place, unknown)| {
        if text.contains(place) {
            text.replace(place, &value(place, facts).unwrap_or_else(|| (*unknown).to_owned()))
        } else {
            text
        }
    })
}

fn value(place: &str, facts: &Facts) -> Option<String> {
    let value = match place {
        "{endpoint}" => text(facts, "endpoint")?.to_owned(),
        "{name}" => text(facts, "notFor")?.to_owned(),
        "{file}" => text(facts, "file")?.to_owned(),
        "{service}" => service(facts)?.0.to_owned(),
        "{namespace}" => service(facts)?.1.to_owned(),
        "{from}" => text(facts, "from")?.to_owned(),
        _ => return None,
    };
    Some(value).filter(|value| is_plain(value))
}

/// Letters that mean themselves to every shell; a dash in front would be an option.
fn is_plain(value: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:/[]@+".contains(&byte);
    !value.starts_with('-') && value.bytes().all(plain)
}

/// The service and namespace of `SERVICE.NAMESPACE.svc`.
fn service(facts: &Facts) -> Option<(&str, &str)> {
    let host = text(facts, "endpoint")?.rsplit_once(':')?.0;
    let mut labels = host.split('.');
    let (service, namespace) = (labels.next()?, labels.next()?);
    (labels.next() == Some("svc")).then_some((service, namespace))
}

fn text<'f>(facts: &'f Facts, wanted: &str) -> Option<&'f str> {
    facts.iter().find_map(|(key, value)| match value {
        Evidence::Text(text) if *key == wanted => Some(text.as_str()),
        Evidence::List(list) if *key == wanted => list.first().map(String::as_str),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_filled_with_what_no_shell_reads() {
        let facts = |endpoint: &str| vec![("endpoint", Evidence::Text(endpoint.to_owned()))];
        assert_eq!(fill("probe {endpoint}", &facts("[::1]:6443")), "probe [::1]:6443");
        assert_eq!(fill("-n {namespace} {service}", &facts("a.b.svc:443")), "-n b a");
        assert_eq!(fill("probe {endpoint}", &facts("$(reboot):1")), "probe HOST:PORT");
        assert_eq!(fill("probe {endpoint}", &facts("--rm:1")), "probe HOST:PORT");
        assert_eq!(fill("inspect {file}", &facts("x:1")), "inspect FILE");
    }
}
