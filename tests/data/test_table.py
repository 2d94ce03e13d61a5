"""CSV and TSV: columns by their usual names, and every mistake named with its line."""

from __future__ import annotations

import pytest

from hubel.data import open_data

NAMES = ["a 1.png", "ä2.png", "sub/3.png", "4.png"]


@pytest.fixture
def table(fill):
    root = fill(NAMES)

    def write(text: str, name: str = "labels.csv", encoding: str = "utf-8"):
        (root / name).write_text(text, encoding=encoding)
        return root / name

    return write


ROWS = [f"{name},{'cat' if number % 2 else 'dog'}" for number, name in enumerate(NAMES)]


@pytest.mark.parametrize(
    "header", ["file,label", "filename,class", "Image_Path,Target", "path,category"]
)
def test_columns_by_any_usual_name(table, header):
    data = open_data(table("\n".join([header, *ROWS])))
    assert data.classes == ("cat", "dog")
    assert {*data.train.names, *data.val.names} == set(NAMES)
    assert data.name == "labels"


@pytest.mark.parametrize(
    ("delimiter", "name", "encoding"),
    [(",", "a.csv", "utf-8-sig"), (";", "a.csv", "utf-8"), ("\t", "a.tsv", "utf-8")],
)
def test_other_delimiters_and_encodings(table, delimiter, name, encoding):
    text = "\r\n".join(["file,label,note", *(f'{row},"x y"' for row in ROWS), ""])
    file = table(text.replace(",", delimiter), name, encoding)
    assert len(open_data(file).train) == 2


def test_a_split_column(table):
    rows = [f"{row},{'train' if number < 2 else 'Valid'}" for number, row in enumerate(ROWS)]
    data = open_data(table("\n".join(["file,label,split", *rows])))
    assert data.train.names == NAMES[:2]
    assert data.val.names == NAMES[2:]
    assert data.split == "train and val as they are given"


def test_a_folder_with_a_table_in_it(table):
    file = table("\n".join(["file,label", *ROWS]))
    assert open_data(file.parent).classes == ("cat", "dog")
    table("\n".join(["file,label", *ROWS]), "other.csv")
    with pytest.raises(
        ValueError, match=r"several tables \(labels\.csv, other\.csv\); name the one"
    ):
        open_data(file.parent)


def test_a_table_of_something_else_in_a_folder_of_classes(fill):
    root = fill([f"{kind}/{number}.png" for kind in ("a", "b") for number in range(3)])
    (root / "log.csv").write_text("epoch,loss\n1,0.5\n")
    assert open_data(root).classes == ("a", "b")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"labels\.csv: empty; a table starts with the line file,label"),
        ("file,label\n", "a header and no lines; add a line per picture"),
        ("name,label\n4.png,cat", "no column file; there are: name, label; name one file"),
        ("file,kind\n4.png,cat", "no column label; there are: file, kind; name one label"),
        ("file,label\n4.png,\n", "line 2: the label is empty; fill it or remove it"),
        ("file,label\n4.png\n", "line 2: the label is empty"),
        (
            "file,label\n4.png,cat\ngone.png,dog\n",
            r"no such file: gone\.png \(line 3\); paths are relative to .*pets; correct them",
        ),
        (
            "file,label\n" + "\n".join(f"no{i}.png,cat" for i in range(9)),
            r"9 of its files do not exist: no0\.png \(line 2\), no1\.png \(line 3\), .*, \.\.\.;",
        ),
        (
            "file,label,split\n4.png,cat,trian\n",
            "line 2: unknown split 'trian'; did you mean 'train'",
        ),
        (
            "file,label,split\n4.png,cat,val\na 1.png,dog,test",
            "val and test but no train part; add one",
        ),
    ],
)
def test_mistakes(table, text, message):
    with pytest.raises(ValueError, match=message):
        open_data(table(text))


def test_not_text(table):
    file = table("file,label\n")
    file.write_bytes(b"file,label\n\xff\xfe.png,cat\n")
    with pytest.raises(ValueError, match="not UTF-8; save the table as UTF-8 text"):
        open_data(file)


def test_several_labels_in_one_cell(table):
    rows = ["a 1.png,cat|dog", "ä2.png, dog ", "sub/3.png,", "4.png,cat;bird"]
    data = open_data(table("\n".join(["file,label", *rows])), val=1)
    assert data.classes == ("bird", "cat", "dog")
    assert data.val.targets.tolist() == [[0, 1, 1], [0, 0, 1], [0, 0, 0], [1, 1, 0]]


def test_a_column_for_each_class(table):
    lines = ["file,split,cat,dog", "a 1.png,train,1,0", "ä2.png,train,1,1", "4.png,val,0,1"]
    data = open_data(table("\n".join(lines)))
    assert data.train.targets.tolist() == [[1, 0], [1, 1]]
    assert data.val.targets.tolist() == [[0, 1]]
    with pytest.raises(ValueError, match="no column label; there are: file, cat, dog"):
        open_data(table("file,cat,dog\na 1.png,1,2\n"))
