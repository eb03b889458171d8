"""The mean change over voices; the changes of one are compared in tests/test_pipeline.py, on a project that is made."""

from tools.compare import mean_line


def test_the_mean_change_over_voices_has_the_interval_of_students_t() -> None:
    line = mean_line("likeness", [(0.0, 0.1), (0.0, 0.2), (0.3, 0.6)])
    assert line.split() == ["3", "voices", "likeness", "0.100", "0.300", "+0.200", "±", "0.248"]  # 4.303 * 0.1 / √3
