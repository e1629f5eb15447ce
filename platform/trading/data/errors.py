"""Why a file gives no bars. Every reason has its code."""

from __future__ import annotations

from trading.errors import InvalidBars


class DataEmpty(InvalidBars):
    """A file without two usable bars."""

    code = "DATA_EMPTY"


class DataBinary(InvalidBars):
    """A file that is no text: a picture, a spreadsheet, an archive."""

    code = "DATA_BINARY"


class DataEncoding(InvalidBars):
    """A text in an encoding that is neither UTF-8 nor UTF-16."""

    code = "DATA_ENCODING"


class LayoutUnknown(InvalidBars):
    """A text whose columns or times nobody recognises; a layout has to be given."""

    code = "DATA_LAYOUT_UNKNOWN"


class DatesAmbiguous(InvalidBars):
    """Dates that could be read day first or month first."""

    code = "DATA_DATES_AMBIGUOUS"


class DataTooLarge(InvalidBars):
    """More bars or bytes than one dataset holds."""

    code = "DATA_TOO_LARGE"


class DataFaulty(InvalidBars):
    """Faults that the chosen policy does not allow to be passed over; ``extra["findings"]`` lists them."""

    code = "DATA_FAULTY"


class NoTimeframe(InvalidBars):
    """Bars whose distance is no timeframe, or that do not open where bars of theirs open."""

    code = "DATA_NO_TIMEFRAME"
