"""A user's own file: imported when every row is right, refused with the lines that are wrong, then forecast."""

from pathlib import Path
from typing import Any


def test_an_import_is_a_dataset_that_can_be_forecast(program: Any, home: Path) -> None:
    file = home / "sales.csv"
    lines = [
        f"{year}-{month:02d}-01,{100 + month * 3 + year - 2019}"
        for year in (2019, 2020, 2021)
        for month in range(1, 13)
    ]
    file.write_text("month,sales\n" + "\n".join(lines) + "\n", encoding="utf-8")
    imported = program.json("dataset", "import", str(file), "--time", "month", "--name", "sales")
    assert imported["state"] == "succeeded"
    cells = {each["name"]: each["cells"] for each in program.json("dataset", "list")}["sales"]
    assert (cells["rows"], cells["frequency"], cells["target"]) == (36, "MS", "sales")

    asked = program.json(
        "do", "model.forecast", "ainode/model/naive_forecaster", "--dataset", "sales", "--horizon", "3"
    )
    assert asked["result"]["times"] == ["2022-01-01T00:00:00", "2022-02-01T00:00:00", "2022-03-01T00:00:00"]

    with program.console() as console:
        console.press("7")
        console.wait_for(r"^sales\s+● ready\s+36\s+MS\s+sales")

    again = program.run("dataset", "import", str(file), "--time", "month", "--name", "sales")
    assert again.returncode == 4 and "there is a dataset 'sales' already" in again.stderr


def test_a_file_with_mistakes_is_refused_with_their_lines(program: Any, home: Path) -> None:
    file = home / "bad.csv"
    file.write_text(
        "day,sales\n2024-01-01,10\n2024-01-02,x\nnonsense,11\n2024-01-03,15\n2024-01-03,16\n", encoding="utf-8"
    )
    ran = program.run("dataset", "import", str(file), "--time", "day", "--name", "bad")
    assert ran.returncode == 1
    for said in (
        "3 problems",
        "Line 3, column 'sales': 'x'",
        "Line 4, column 'day': 'nonsense'",
        "Line 6, column 'day'",
    ):
        assert said in ran.stderr
    assert "bad" not in {each["name"] for each in program.json("dataset", "list")}

    with program.console() as console:
        console.press("4")
        console.wait_for(r"✖ failed\s+dataset\.import")
        console.press("enter")
        console.wait_for(r"Line 3, column 'sales'")

    column = program.run("dataset", "import", str(file), "--time", "dya", "--name", "bad")
    assert column.returncode == 1 and "did you mean day?" in column.stderr
    missing = program.run("dataset", "import", str(home / "nowhere.csv"), "--time", "day")
    assert missing.returncode == 2 and "there is no file" in missing.stderr
