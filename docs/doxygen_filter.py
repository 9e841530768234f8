#!/usr/bin/env python3
"""What doxygen reads of a header: the header, with what is explained in one place pointed to from the others.
* A member that a concept asks for is explained at the concept; one without a comment of its own points there.
* `using Run = BasicRun<>;` is explained at the template.
* Variables that are declared together share the comment above them; members between ///@{ and ///@} the first one there.
* What only the library calls, special members and deduction guides are left out.
The lines keep their numbers. usage: doxygen_filter.py HEADER"""
import re
import sys

AT_THE_CONCEPT = {
    "SavePolicy": "decide settle wants",
    "RetentionPolicy": "mark",
    "ArtifactSink": "begin write commit abort open remove undo",
}
LEFT_OUT = ("Members monitor monitors chance reason explain rejected watched watch rows_heard spell bind binding "
            "is_held mark_best")

says = {name: f"See {concept}." for concept, names in AT_THE_CONCEPT.items() for name in names.split()}
says |= {name: "@private" for name in LEFT_OUT.split()}
member = re.compile(r"    (?=[a-z\[])(?!return\b)[^(=;{]*?\b(" + "|".join(says) + r")(?=\(| =|;|\{)")
# Copying, moving, destroying; and what takes a type of `detail` first.
special = re.compile(r"    (?:constexpr )?(?:~?(\w+)\((?:(?:const )?\1(?:<[^>]*>)?&{1,2}(?: \w+)?)?\)|"
                     r"\w+& operator=\((?:const )?\w+&{1,2}(?: \w+)?\))|    [^(=;{]*?\b\w+\((?:const )?detail::")
alias = re.compile(r"using \w+ = (Basic\w+)<>;")
together = re.compile(r"    ([\w:]+) (\w+(?: = \w+|\{\})?(?:, \w+(?: = \w+|\{\})?)+);")
# A function of a namespace `detail`, which doxygen does not see, defined outside of it; a deduction guide.
hidden = re.compile(r"^template <.*>\n(?:.* detail::\w+\(.*\{\n(?:.*\n)*?\}|\w+\(.*\) -> .*;)\n", re.M)

text = open(sys.argv[1], encoding="utf-8").read()
text = hidden.sub(lambda found: "\n" * found[0].count("\n"), text)
comment = []  # above the line; it reaches over a template's head
group = None  # the comment that is shared; None outside of a group
before = ""
for line in text.splitlines(keepends=True):
    bare = line.strip()
    if bare in ("///@{", "///@}"):
        group = "" if bare == "///@{" else None
        line = "\n"
    elif group is not None and re.match(r"    [^\s/}]", line) and not before.startswith(("template <", "requires")):
        group = group or " ".join(comment)
        line = line if comment else f"    /** {group} */ {line.lstrip()}"
    elif comment and (several := together.match(line)):
        shared = f" /** {' '.join(comment)} */ "
        line = "    " + shared.join(f"{several[1]} {one};" for one in several[2].split(", ")) + "\n"
    elif not comment and "///<" not in line:
        if found := member.match(line):
            line = f"    /** {says[found[1]]} */ {line.lstrip()}"
        elif special.match(line):
            line = f"    /** @private */ {line.lstrip()}"
        elif found := alias.match(line):
            line = f"/** @copydoc {found[1]} */ {line}"
    sys.stdout.write(line)
    if bare.startswith("/// "):
        comment.append(bare[4:])
    elif not bare.startswith(("template <", "requires", "//")):
        comment = []
    before = bare
