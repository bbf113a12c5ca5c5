from __future__ import annotations

import subprocess

import pytest
from builders.javascript import node_command

from node.verifiers.bundling import ModuleRefused, join_modules

ENTRY = 'import { twice } from "./sub/twice.js";\nconsole.log(twice(21));\n'
TWICE = 'import { TWO } from "../two.js";\n\nexport function twice(n) {\n  return TWO * n;\n}\n'


def run(script: str) -> str:
    done = subprocess.run(
        [*node_command(), "-"], input=script, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_modules_run_in_the_order_of_need_in_their_own_scopes() -> None:
    modules = {
        "main.js": 'import { a } from "./a.js";\nimport { Dear } from "./b.js";\n'
        "const hidden = 3;\nconsole.log(a(), new Dear().name, hidden);\n",
        "a.js": 'import { Dear } from "./b.js";\nconst hidden = 1;\n'
        "export async function a() { return 0; }\nexport const x = 5;\nconsole.log(hidden, x);\n",
        "b.js": "const hidden = 2;\nexport class Dear { name = hidden; }\nconsole.log(hidden);\n",
        "unused.js": "console.log('never');\n",
    }
    assert run(join_modules(modules, "main.js")).splitlines() == [
        "2",
        "1 5",
        "Promise { 0 } 2 3",
    ]


def test_source_is_kept_but_for_imports_and_exports() -> None:
    joined = join_modules(
        {"main.js": ENTRY, "sub/twice.js": TWICE, "two.js": "export const TWO = 2;\n"}, "main.js"
    )
    assert run(joined) == "42\n"
    for line in (
        "// ===== sub/twice.js =====",
        "const { TWO } = module_two;",
        "function twice(n) {",
        "  return TWO * n;",
        "return { twice };",
    ):
        assert line in joined.splitlines()


def test_several_lines_of_names_are_one_import() -> None:
    modules = {
        "main.js": 'import {\n  one,\n  two,\n} from "./n.js";\nconsole.log(one + two);\n',
        "n.js": "export const one = 1;\nexport const two = 2;\n",
    }
    assert run(join_modules(modules, "main.js")) == "3\n"


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ('import one from "./n.js";', "cannot be joined"),
        ('import * as n from "./n.js";', "cannot be joined"),
        ('import { one as two } from "./n.js";', "cannot be joined"),
        ('import { one } from "n";', "cannot be joined"),
        ('import { one } from "https://x.invalid/n.js";', "cannot be joined"),
        ("import { one } from './n.js';", "cannot be joined"),
        ('import "./n.js";', "cannot be joined"),
        ("export default 1;", "cannot be joined"),
        ("export { x };", "cannot be joined"),
        ("export let x = 1;", "cannot be joined"),
        ('export { one } from "./n.js";', "cannot be joined"),
        ('const n = import("./n.js");', "dynamic import"),
        ("const n = import\n('./n.js');", "dynamic import"),
        ("console.log(import.meta.url);", "import.meta"),
        ("eval('1');", "calls eval"),
        ("new Function('return 1')();", "makes a function of text"),
        ("await one();", "awaits at the top level"),
        ('const t = "</script>";', "HTML"),
        ("const t = 1; // <!-- so", "HTML"),
        ("const t = 1;\r\n", "white space"),
        ("const t = '\u2028';", "white space"),
        ('import { three } from "./n.js";', "exports no three"),
        ('import { one } from "./gone.js";', "gone.js, which is not there"),
        ('import { one } from "../n.js";', "not there"),
        ('import { one } from "./n.js";\nimport { one } from "./n.js";', "imports one twice"),
    ],
)
def test_what_breaks_the_rules_is_refused_by_name(source: str, reason: str) -> None:
    with pytest.raises(ModuleRefused, match=reason) as refused:
        join_modules({"main.js": source + "\n", "n.js": "export const one = 1;\n"}, "main.js")
    assert str(refused.value).startswith("main.js: ")


def test_circles_are_refused() -> None:
    modules = {
        "a.js": 'import { b } from "./b.js";\nexport const a = 1;\n',
        "b.js": 'import { a } from "./a.js";\nexport const b = 1;\n',
    }
    with pytest.raises(ModuleRefused, match=r"imports itself by way of a\.js, b\.js"):
        join_modules(modules, "a.js")


def test_two_paths_that_would_share_a_name_are_refused() -> None:
    modules = {
        "main.js": 'import { a } from "./a-b.js";\nimport { b } from "./a_b.js";\n',
        "a-b.js": "export const a = 1;\n",
        "a_b.js": "export const b = 1;\n",
    }
    with pytest.raises(ModuleRefused, match="differ in signs alone"):
        join_modules(modules, "main.js")
