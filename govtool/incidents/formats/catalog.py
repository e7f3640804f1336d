"""Every log format that can be read. A new one is a file in this folder and a line here."""

from govtool.incidents.formats.interface import LogFormat
from govtool.incidents.formats.oip import OpenInferenceProtocol
from govtool.incidents.formats.openai_capture import OpenAiCapture

FORMATS: dict[str, LogFormat] = {
    "oip": OpenInferenceProtocol(),
    "openai_capture": OpenAiCapture(),
}
