"""Corrected labels: applied to what was opened, never to a file."""

from __future__ import annotations

import pytest

from hubel.data import open_data
from hubel.data.labels import read_labels, relabelled

HEAD = "file,truth,prediction,confidence,loss,suspected,corrected\n"


def test_a_filled_column_is_read(tmp_path):
    path = tmp_path / "errors.csv"
    path.write_text(HEAD + "a.png,x,y,1,2,y,y\nb.png,x,y,1,2,y,\n", encoding="utf-8")
    assert read_labels(path) == {"a.png": "y"}
    path.write_bytes("\ufefffile;corrected\r\na.png;Käfer\r\n".encode())  # from a spreadsheet
    assert read_labels(path) == {"a.png": "Käfer"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (HEAD + "a,x,y,1,2,y,\n", "its column corrected is empty"),
        ("file,label\na,x\n", "it needs the columns file and corrected"),
        ("file,corrected\na,x\na,y\n", "a is corrected to x and to y"),
        ("", "it needs the columns"),
    ],
)
def test_tables_that_say_nothing(tmp_path, text, message):
    path = tmp_path / "errors.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=message):
        read_labels(path)
    with pytest.raises(ValueError, match="no such file"):
        read_labels(tmp_path / "none.csv")


def test_labels_stand_in_for_the_data_s_own():
    data = open_data("digits")
    one, two = data.train.names[3], data.val.names[5]
    other = {name: "7" for name in (one, two)}
    found = relabelled(data, other)
    assert (found.train.targets[3], found.val.targets[5]) == (7, 7)
    assert (found.train.targets != data.train.targets).sum() <= 1
    assert found.fingerprint == data.fingerprint  # the same pictures
    assert relabelled(data, {}) is data
    with pytest.raises(ValueError, match="unknown class 'seven'"):
        relabelled(data, {one: "seven"})
    with pytest.raises(ValueError, match="unknown picture in digits 'digit-99999'"):
        relabelled(data, {"digit-99999": "7"})
