from govtool.estimate import Estimate
from govtool.reports.charts import Measured, roc_chart, whisker_chart


def test_guessing_lies_on_the_diagonal_of_log_log_axes() -> None:
    chart = roc_chart([0.0, 0.01, 0.1, 1.0], [0.0, 0.01, 0.1, 1.0], 1000, "alt")
    assert chart is not None
    for point in chart.line.split():
        x, y = map(float, point.split(","))
        assert abs((x - chart.left) - (chart.bottom - y)) < 0.11


def test_axes_reach_down_to_one_nonmember() -> None:
    chart = roc_chart([0.0, 1.0], [0.0, 1.0], 1000, "alt")
    assert chart is not None
    assert [tick.label.replace("\N{NO-BREAK SPACE}", " ") for tick in chart.x_ticks] == [
        "0.1 %",
        "1 %",
        "10 %",
        "100 %",
    ]
    assert chart.unresolved == 0.0  # 1 of 1000 is the left edge itself


def test_the_band_where_less_than_one_false_alarm_is_expected() -> None:
    chart = roc_chart([0.0, 1.0], [0.0, 1.0], 200, "alt")
    assert chart is not None
    decade = (chart.right - chart.left) / 3
    assert abs(chart.unresolved - decade * 0.69897) < 0.1  # one in 200 is 0.5 %: log10(5) decades to the right of 0.1 %
    assert chart.x_ticks[0].at == chart.left


def test_no_chart_without_a_line() -> None:
    assert roc_chart([], [], 100, "alt") is None
    assert roc_chart([0.0, 1.0], [0.0], 100, "alt") is None


def test_whiskers_sit_on_one_axis_from_nothing_to_all() -> None:
    chart = whisker_chart([Measured("a", Estimate(0.5, 0.25, 0.75, 0.95, 10), limit=0.6)], "alt")
    assert chart is not None
    width, row = chart.right - chart.left, chart.rows[0]
    assert [row.low, row.value, row.high] == [chart.left + width * share for share in (0.25, 0.5, 0.75)]
    assert row.limit == chart.left + width * 0.6
    assert row.baseline is None


def test_figures_that_are_not_shares_are_left_to_the_table() -> None:
    assert whisker_chart([Measured("epsilon", Estimate(4.0, 3.0, 5.0, 0.95, 10))], "alt") is None
