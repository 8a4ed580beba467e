//! A plan as a script for bash: one function a step, asked for before each, stopping at the first check that fails, to be taken up again
//! at any step.
//!
//! Rule: nothing that somebody else wrote stands in it unquoted. Commands come quoted from the playbooks; a line with characters that
//! cannot be seen for what they are is not written at all.

use super::Report;
use super::escape::{is_hidden, visible};
use crate::model::when;
use crate::plan::{Command, Kind, Plan, Step};
use std::io::{self, BufWriter, Write};

/// Writes the script.
///
/// # Errors
/// Those of `out`.
pub fn render(report: &Report<'_>, out: &mut dyn Write) -> io::Result<()> {
    let Some(plan) = report.plan else { return Ok(()) };
    let mut out = BufWriter::new(out);
    let steps = plan.steps.len();
    let at = when::moment(report.policy.at);
    writeln!(
        out,
        "#!/usr/bin/env bash\n# A renewal plan by kcert {}, made as of {at}: {steps} steps.",
        env!("CARGO_PKG_VERSION")
    )?;
    out.write_all(USAGE.as_bytes())?;
    for fault in &plan.rehearsal.faults {
        writeln!(out, "# Refused by the rehearsal: {}", visible(&fault.to_string()))?;
    }
    writeln!(out, "\nset -euo pipefail\n")?;
    if !plan.is_sound() {
        writeln!(out, "echo 'This plan is not to be followed: see the comments above.' >&2\nexit 2")?;
        return out.flush();
    }
    out.write_all(HEAD.as_bytes())?;
    for (number, step) in plan.steps.iter().enumerate() {
        functions(number, step, &mut out)?;
    }
    list(plan, &mut out)?;
    out.write_all(TAIL.as_bytes())?;
    out.flush()
}

/// What the script says of itself.
const USAGE: &str = "#
# plan.sh [--yes] [--from STEP] [--only STEP] [--back STEP] [--list] [--by-hand-done N] [--root DIR]
#   --yes             do not ask before each step
#   --from STEP       begin with this step, by its name or number
#   --only STEP       this step alone
#   --back STEP       take a step back: what it changed is as it was before
#   --list            name the steps
#   --by-hand-done N  the first N things to be done by hand in the first step that runs were done
#   --root DIR        play on a copy of a host's files below DIR (of several hosts: DIR/HOST); processes and objects are left alone
# Run it as root. Commands of other hosts go through ssh (or what SSH names), where kcert has to be installed too.
";

/// What every script has.
const HEAD: &str = r#"ROOT='' ROOTS='' ASK=yes FROM=1 ONLY='' BACK='' DONE=0 HANDS=0 REMOTE='' STEP='' SELF=$0

say() { printf '%s\n' "$*" >&2; }

# Whether this is a real host, and no copy of its files.
live() { [ -z "$ROOT" ]; }

# kubeadm keeps to the paths of its host: a copy becomes its root.
kubeadm() {
    if live; then command kubeadm "$@"; else command kubeadm --rootfs "$ROOT" "$@"; fi
}

# Tries again for two minutes: what was started anew takes its time.
retry() {
    local left=40
    until "$@"; do
        left=$((left - 1))
        if [ "$left" -le 0 ]; then return 1; fi
        sleep 3
    done
}

by_hand() {
    HANDS=$((HANDS + 1))
    if [ "$HANDS" -le "$DONE" ]; then return 0; fi
    say "By hand: $1"
    if [ -n "$REMOTE" ] || [ ! -t 0 ]; then
        say "Do that, then go on with: $SELF --by-hand-done $HANDS --from $STEP"
        exit 3
    fi
    read -r -p "Press Enter when it is done. " _ || exit 3
}

# Carries a file from one host to another: FROM PATH TO PATH.
carry() {
    if [ -n "$ROOTS" ]; then
        mkdir -p "$(dirname "$ROOTS/$3$4")"
        cp -p "$ROOTS/$1$2" "$ROOTS/$3$4"
    else
        # shellcheck disable=SC2029
        ${SSH:-ssh} "$1" "cat '$2'" | ${SSH:-ssh} "$3" "umask 077; mkdir -p '$(dirname "$4")' && cat > '$4'"
    fi
}

# Runs a function where it belongs.
on() {
    local host=$1 function=$2
    if [ -n "$ROOTS" ]; then
        ROOT=$ROOTS
        if [ -n "$host" ]; then ROOT=$ROOTS/$host; fi
    fi
    if [ -n "$ROOT" ] || [ -z "$host" ] || [ "$host" = "$(hostname)" ] || [ "$host" = "$(hostname -s)" ]; then
        "$function"
    else
        { declare -f; declare -p ROOT ROOTS DONE HANDS STEP SELF; printf 'REMOTE=yes\nset -euo pipefail\n%s\n' "$function"; } |
            ${SSH:-ssh} "$host" bash -s
    fi
}
"#;

/// The loop over the steps.
const TAIL: &str = r#"
while [ $# -gt 0 ]; do
    case $1 in
        --yes) ASK='' ;;
        --from) FROM=${2:?a step}; shift ;;
        --only) ONLY=${2:?a step}; FROM=$2; shift ;;
        --back) BACK=${2:?a step}; FROM=$2; ONLY=$2; shift ;;
        --by-hand-done) DONE=${2:?a number}; shift ;;
        --root) ROOTS=${2:?a directory}; shift ;;
        --list)
            for n in "${!STEPS[@]}"; do printf '%2d  %-28s %s\n' "$((n + 1))" "${STEPS[$n]}" "${TITLES[$n]}"; done
            exit 0 ;;
        *) say "unknown: $1"; exit 3 ;;
    esac
    shift
done
if [ "${#STEPS[@]}" = 0 ]; then say "There is nothing to do."; exit 0; fi
for tool in "${TOOLS[@]}"; do
    if ! command -v "$tool" > /dev/null; then say "$tool is not installed"; exit 3; fi
done

if [ -n "$ROOTS" ]; then SELF="$SELF --root $ROOTS"; fi

# Whatever ends a step in its middle: what is safe to take back by itself is taken back.
interrupted() {
    trap - INT TERM HUP
    say "Interrupted in $STEP."
    if [ -n "${SAFE[$n]}" ]; then on "${HOSTS[$n]}" "back_$((n + 1))" || true; fi
    say "Go on with: $SELF --from $STEP"
    exit 2
}
trap interrupted INT TERM HUP

begun='' failed=''
for n in "${!STEPS[@]}"; do
    STEP=${STEPS[$n]}
    if [ -z "$begun" ] && [ "$FROM" != "$STEP" ] && [ "$FROM" != "$((n + 1))" ]; then continue; fi
    if [ -n "$begun" ] && [ -n "$ONLY" ]; then break; fi
    host=${HOSTS[$n]} HANDS=0
    say ""
    say "${BACK:+Back: }Step $((n + 1)) of ${#STEPS[@]}: ${TITLES[$n]}${host:+ (on $host)}"
    if [ -n "$ASK" ]; then
        read -r -p "Do it? [y/N] " answer || answer=no
        case $answer in
            y | Y | yes) ;;
            *) say "Stopped before $STEP; go on with: $SELF --from $STEP"; exit 3 ;;
        esac
    fi
    begun=yes
    # In a shell of their own, so that every command counts: inside a condition set -e is forgotten.
    set +e
    if [ -n "$BACK" ]; then
        (set -e; on "$host" "back_$((n + 1))")
        exit $?
    fi
    (set -e; on "$host" "do_$((n + 1))")
    failed=$?
    if [ "$failed" = 0 ]; then
        (set -e; on "$host" "check_$((n + 1))")
        failed=$?
        if [ "$failed" != 0 ]; then say "The check of $STEP failed: it did not do what it is for."; fi
    fi
    set -e
    if [ "$failed" = 3 ] && [ -n "${BY_HAND[$n]}" ]; then exit 3; fi
    if [ "$failed" != 0 ]; then
        say "Stopped at $STEP. The way back: $SELF --back $STEP"
        say "Once it is mended go on with: $SELF --from $STEP"
        exit 2
    fi
    DONE=0
done
if [ -z "$begun" ]; then say "there is no step $FROM; --list names them"; exit 3; fi
say ""
say "Done."
"#;

/// Programs that commands may call, which have to be there before the first one runs.
const TOOLS: &[&str] = &["kcert", "tar", "kubeadm", "kubectl", "cmctl", "openssl"];

fn functions(number: usize, step: &Step, out: &mut dyn Write) -> io::Result<()> {
    let host = step.host.as_deref().map(|host| format!(" (on {host})")).unwrap_or_default();
    writeln!(out, "\n# {}. {}{}", number + 1, visible(&step.title), visible(&host))?;
    for reason in &step.reasons {
        let code = reason.code.map(|code| format!("{code}: ")).unwrap_or_default();
        writeln!(out, "#    for {code}{}", visible(&reason.message))?;
    }
    for need in &step.needs {
        writeln!(out, "#    needs {}", visible(&need.what))?;
    }
    writeln!(out, "do_{}() {{", number + 1)?;
    for name in step.placeholders() {
        writeln!(out, "    : \"${{{name}:?is to be set before this runs}}\"")?;
    }
    body(step.lines(), "", out)?;
    writeln!(out, "}}\ncheck_{}() {{", number + 1)?;
    body(step.checks.iter().map(|check| &check.command), "retry ", out)?;
    writeln!(out, "}}\nback_{}() {{", number + 1)?;
    body(step.undo.iter(), "", out)?;
    writeln!(out, "}}")
}

/// The lines of a function; those on processes and objects only on a real host.
fn body<'c>(commands: impl Iterator<Item = &'c Command>, again: &str, out: &mut dyn Write) -> io::Result<()> {
    let mut is_inside = false;
    let mut is_empty = true;
    for command in commands {
        is_empty = false;
        let is_alive = matches!(command.kind, Kind::Processes | Kind::Objects | Kind::Hand);
        if is_alive != is_inside {
            writeln!(out, "{}", if is_alive { "    if live; then" } else { "    fi" })?;
            is_inside = is_alive;
        }
        let indent = if is_alive { "        " } else { "    " };
        let again = if command.kind == Kind::Processes { again } else { "" };
        writeln!(out, "{indent}{}", line(command, again))?;
    }
    if is_inside {
        writeln!(out, "    fi")?;
    }
    if is_empty { writeln!(out, "    :") } else { Ok(()) }
}

fn line(command: &Command, again: &str) -> String {
    let text = command.line();
    if text.chars().any(is_hidden) {
        let shown = visible(&text).replace('\'', "");
        return format!("by_hand 'A name in this command holds characters that cannot be seen: {shown}'");
    }
    if command.kind.is_by_hand() {
        return format!("by_hand {}", quoted(&text));
    }
    // kubeadm changes its root by itself.
    if text.starts_with("kubeadm ") { text } else { format!("{again}{}", command.below("\"$ROOT\"")) }
}

fn list(plan: &Plan, out: &mut dyn Write) -> io::Result<()> {
    let column = |name: &str, value: &dyn Fn(&Step) -> String, out: &mut dyn Write| -> io::Result<()> {
        writeln!(out, "{name}=(")?;
        for step in &plan.steps {
            writeln!(out, "    {}", quoted(&value(step)))?;
        }
        writeln!(out, ")")
    };
    writeln!(out)?;
    column("STEPS", &|step| step.id.clone(), out)?;
    column("HOSTS", &|step| step.host.as_deref().unwrap_or_default().to_owned(), out)?;
    column("TITLES", &|step| step.title.clone(), out)?;
    // A static pod's manifest is put back where it was.
    let is_safe = |step: &Step| !step.undo.is_empty() && step.undo.iter().all(|command| command.kind == Kind::Processes);
    column("SAFE", &|step| (if is_safe(step) { "yes" } else { "" }).to_owned(), out)?;
    let by_hand = |step: &Step| step.commands.iter().any(|command| command.kind.is_by_hand());
    column("BY_HAND", &|step| (if by_hand(step) { "yes" } else { "" }).to_owned(), out)?;
    let all = |step: &Step| -> Vec<String> {
        let all = step.lines().chain(step.checks.iter().map(|check| &check.command));
        all.filter(|command| !command.kind.is_by_hand()).map(Command::line).collect()
    };
    let lines: Vec<String> = plan.steps.iter().flat_map(all).collect();
    let is_called = |tool: &&&str| lines.iter().any(|line| line.split([' ', '(']).any(|word| word == **tool));
    writeln!(out, "TOOLS=({})", TOOLS.iter().filter(is_called).copied().collect::<Vec<_>>().join(" "))
}

/// A word for a shell, whatever stands in it.
fn quoted(text: &str) -> String {
    format!("'{}'", visible(text).replace('\'', "'\\''"))
}
