"""What the API's endpoints share: values as a database can keep and compare them."""

from typing import Annotated

from pydantic import AfterValidator, Field

from .text import storable

Text = Annotated[str, AfterValidator(storable)]
Id = Annotated[int, Field(ge=1, le=2**63 - 1)]
