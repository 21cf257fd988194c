"""`make mutation`, first step: the mutants of the code as it stands, in `mutants/`; what was found on unchanged functions stays.

`mutmut run` would run every test three times before it tries the first mutant; these are its own steps up to there.
"""

import shutil
from pathlib import Path

from mutmut.__main__ import (
    copy_also_copy_files,
    copy_src_dir,
    create_mutants,
    setup_source_paths,
    store_lines_covered_by_tests,
)
from mutmut.mutation.trampoline import set_mutant_under_test

if __name__ == "__main__":
    set_mutant_under_test("mutant_generation")
    Path("mutants").mkdir(exist_ok=True)
    copy_src_dir()
    copy_also_copy_files()
    # What is no Python is copied once only otherwise.
    shutil.copytree("rules/policies", "mutants/rules/policies", dirs_exist_ok=True)
    setup_source_paths()
    store_lines_covered_by_tests()
    create_mutants(1)
