"""Series that sktime ships, as its own loaders read them.

Where a file's times are months, quarters or years in words of its own, the descriptor gives the first time and the frequency instead; the
result is the same and the files are regular.
"""

from quarterdeck_api.declarations import Sample

_FOLDER = "datasets/data/"


def _sample(
    name: str,
    title: str,
    file: str,
    frequency: str,
    column: str,
    rows: int,
    source: str,
    *,
    start: str = "",
    time_column: str = "",
    columns: tuple[str, ...] = (),
    target: str = "",
    rename: dict[str, str] | None = None,
) -> Sample:
    return Sample(
        name=name,
        title=title,
        package="sktime",
        file=_FOLDER + file,
        format="csv",
        frequency=frequency,
        target=target or column,
        start=start,
        time_column=time_column,
        columns=columns or (column,),
        rename=rename or {},
        source=source,
        rows=rows,
    )


SAMPLES: tuple[Sample, ...] = (
    _sample(
        "airline",
        "Airline passengers a month, thousands, 1949-1960",
        "Airline/Airline.csv",
        "MS",
        "Passengers",
        144,
        "Box, Jenkins and Reinsel (1976), series G",
        start="1949-01-01",
    ),
    _sample(
        "lynx",
        "Lynx trapped a year in Canada, 1821-1934",
        "Lynx/Lynx.csv",
        "YS",
        "0",
        114,
        "Brockwell and Davis (1991)",
        start="1821-01-01",
        rename={"0": "trappings"},
        target="trappings",
    ),
    _sample(
        "shampoo",
        "Shampoo sales a month, three years",
        "ShampooSales/ShampooSales.csv",
        "MS",
        "Sales",
        36,
        "Makridakis, Wheelwright and Hyndman (1998)",
        start="1991-01-01",
    ),
    _sample(
        "longley",
        "Macroeconomy of the United States a year, 1947-1962",
        "Longley/Longley.csv",
        "YS",
        "TOTEMP",
        16,
        "Longley (1967)",
        start="1947-01-01",
        columns=("TOTEMP", "GNPDEFL", "GNP", "UNEMP", "ARMED", "POP"),
    ),
    _sample(
        "uschange",
        "Changes of consumption and income in the United States a quarter, percent, 1970-2016",
        "Uschange/Uschange.csv",
        "QS",
        "Consumption",
        187,
        "Hyndman and Athanasopoulos (2018)",
        start="1970-01-01",
        columns=("Consumption", "Income", "Production", "Savings", "Unemployment"),
    ),
    _sample(
        "pbs",
        "Scripts of immune sera a month in Australia, 1991-2008",
        "PBS_dataset/PBS_dataset.csv",
        "MS",
        "Scripts",
        204,
        "Hyndman and Athanasopoulos (2021)",
        start="1991-07-01",
    ),
    _sample(
        "seatbelts",
        "Killed or seriously injured on British roads a month, 1969-1984",
        "seatbelts/seatbelts.csv",
        "MS",
        "KSI",
        192,
        "Harvey and Durbin (1986)",
        start="1969-01-01",
    ),
    _sample(
        "solar",
        "Solar power of Great Britain, share of capacity, every half hour, May 2021",
        "solar/solar.csv",
        "30min",
        "solar_gen",
        289,
        "Sheffield Solar, PV_Live",
        time_column="datetime_gmt",
    ),
    _sample(
        "yahoo",
        "Yahoo S5 benchmark series with anomalies, an hour a step (the file has no times: they are nominal)",
        "yahoo/yahoo.csv",
        "h",
        "data",
        1000,
        "Yahoo Webscope S5",
        start="2015-01-01",
        columns=("data", "label"),
    ),
)
