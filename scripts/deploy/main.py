"""Runs the checks of the deployment files, and closes with one line: `deploy: N passed, M failed`."""

import importlib
import pathlib
import sys
import time
import traceback

import support

HERE = pathlib.Path(__file__).resolve().parent


def main(words):
    if words == ["write"]:
        return write()
    for file in sorted(HERE.glob("check_*.py")):
        if not words or any(word in file.stem for word in words):
            importlib.import_module(file.stem)
    passed, failed = 0, []
    for sentence, run in support.CHECKS:
        began = time.monotonic()
        try:
            run()
        except Exception as error:
            failed.append(sentence)
            what = str(error) if isinstance(error, AssertionError) and str(error) else traceback.format_exc()
            print(f"FAILED {sentence}\n    " + what.strip().replace("\n", "\n    "), flush=True)
        else:
            passed += 1
            print(f"ok     {sentence} ({time.monotonic() - began:.1f} s)", flush=True)
    support.end_all()
    print(f"deploy: {passed} passed, {len(failed)} failed")
    return 1 if failed else 0


def write():
    import dashboards

    dashboards.FILE.write_text(dashboards.text())
    (support.DEPLOY / "kubernetes/base/linkflow.yaml").write_text(support.base_manifests())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
