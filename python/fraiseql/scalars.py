"""The scalars that the compiler knows without being told.

Each is a `NewType`, so a type checker sees the Python type behind it and the export sees its name.
Your own: `Sku = NewType("Sku", str)` is enough, it becomes a custom scalar; `fraiseql.scalar` adds
a description to one.
"""

from __future__ import annotations

import datetime
import decimal
import uuid
from typing import Any, Final, NewType

# Identity and numbers
ID = NewType("ID", str)
UUID = NewType("UUID", uuid.UUID)
BigInt = NewType("BigInt", int)
Decimal = NewType("Decimal", decimal.Decimal)
Percentage = NewType("Percentage", float)

# Time
DateTime = NewType("DateTime", datetime.datetime)
Date = NewType("Date", datetime.date)
Time = NewType("Time", datetime.time)
DateRange = NewType("DateRange", str)
Duration = NewType("Duration", str)
Timezone = NewType("Timezone", str)

# Documents and vectors
Json = NewType("Json", object)
Vector = NewType("Vector", list)  # type: ignore[type-arg]  # a NewType takes no parameters
LTree = NewType("LTree", str)

# Contact
Email = NewType("Email", str)
EmailAddress = NewType("EmailAddress", str)
PhoneNumber = NewType("PhoneNumber", str)
URL = NewType("URL", str)
DomainName = NewType("DomainName", str)
Hostname = NewType("Hostname", str)

# Places and languages
PostalCode = NewType("PostalCode", str)
Latitude = NewType("Latitude", float)
Longitude = NewType("Longitude", float)
Coordinates = NewType("Coordinates", str)
CountryCode = NewType("CountryCode", str)
LanguageCode = NewType("LanguageCode", str)
LocaleCode = NewType("LocaleCode", str)

# Money and markets
Money = NewType("Money", str)
CurrencyCode = NewType("CurrencyCode", str)
ExchangeCode = NewType("ExchangeCode", str)
ExchangeRate = NewType("ExchangeRate", str)
StockSymbol = NewType("StockSymbol", str)
IBAN = NewType("IBAN", str)
CUSIP = NewType("CUSIP", str)
ISIN = NewType("ISIN", str)
SEDOL = NewType("SEDOL", str)
LEI = NewType("LEI", str)
MIC = NewType("MIC", str)

# Identifiers
Slug = NewType("Slug", str)
SemanticVersion = NewType("SemanticVersion", str)
HashSHA256 = NewType("HashSHA256", str)
APIKey = NewType("APIKey", str)
LicensePlate = NewType("LicensePlate", str)
VIN = NewType("VIN", str)
TrackingNumber = NewType("TrackingNumber", str)
ContainerNumber = NewType("ContainerNumber", str)

# Networks
IPAddress = NewType("IPAddress", str)
IPv4 = NewType("IPv4", str)
IPv6 = NewType("IPv6", str)
MACAddress = NewType("MACAddress", str)
CIDR = NewType("CIDR", str)
Port = NewType("Port", int)

# Transport
AirportCode = NewType("AirportCode", str)
PortCode = NewType("PortCode", str)
FlightNumber = NewType("FlightNumber", str)

# Content
Markdown = NewType("Markdown", str)
HTML = NewType("HTML", str)
MimeType = NewType("MimeType", str)
Color = NewType("Color", str)
Image = NewType("Image", str)
File = NewType("File", str)

PYTHON_TYPES: Final[dict[Any, str]] = {
    bool: "Boolean",
    int: "Int",
    float: "Float",
    str: "String",
    dict: "Json",
    object: "Json",
    Any: "Json",
    datetime.datetime: "DateTime",
    datetime.date: "Date",
    datetime.time: "Time",
    decimal.Decimal: "Decimal",
    uuid.UUID: "UUID",
}
"""Plain Python types, and the scalar that each is exported as."""

SCALARS: Final[tuple[str, ...]] = tuple(name for name, value in globals().items() if isinstance(value, NewType))
"""The names of this module's scalars."""

BUILT_IN_SCALARS: Final[frozenset[str]] = frozenset({"Boolean", "Float", "ID", "Int", "String"})
"""The five that GraphQL itself defines."""

RESERVED_SCALARS: Final[frozenset[str]] = BUILT_IN_SCALARS | {
    "BigInt", "Date", "DateTime", "Decimal", "Json", "Time", "UUID",
}  # fmt: skip
"""Scalars with a codec of their own; a custom scalar may not take such a name."""
