"""The look of fields: the class of the style sheet, the right keyboard on a phone."""

from __future__ import annotations

from typing import Any, TypeVar

from django import forms

FormClass = TypeVar("FormClass", bound=type[forms.BaseForm])
_PLAIN = (forms.CheckboxInput, forms.CheckboxSelectMultiple, forms.RadioSelect, forms.HiddenInput)


def style_fields(form: forms.BaseForm) -> None:
    """Give every text field and choice of a form the class `input`."""
    for field in form.fields.values():
        if not isinstance(field.widget, _PLAIN):
            field.widget.attrs.setdefault("class", "input")
        if isinstance(field.widget, forms.NumberInput):
            # A field of text with the right keyboard: no arrows, no wheel that changes a number by accident.
            field.widget.input_type = "text"
            field.widget.attrs.setdefault("inputmode", "decimal")


def styled(form_class: FormClass) -> FormClass:
    """Style a form class's fields at every construction."""
    construct = form_class.__init__

    def build(self: forms.BaseForm, *args: Any, **kwargs: Any) -> None:
        construct(self, *args, **kwargs)
        style_fields(self)

    form_class.__init__ = build  # type: ignore[method-assign]
    return form_class
