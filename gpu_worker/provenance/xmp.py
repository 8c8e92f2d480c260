"""The XMP packet of an image: that a trained algorithm drew it, and which program.

No date, no name and no prompt: the same image always carries the same packet.
"""

from html import escape

# IPTC's word for pictures that a generative model made.
SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
KEYWORD = "XML:com.adobe.xmp"  # of the PNG chunk, as XMP's specification, part 3, names it

PACKET = """<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about=""
    xmlns:xmp="http://ns.adobe.com/xap/1.0/"
    xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
    xmp:CreatorTool="{tool}"
    Iptc4xmpExt:DigitalSourceType="{source}"/>
 </rdf:RDF>
</x:xmpmeta>
<?xpacket end="r"?>"""


def xmp_packet(tool: str) -> str:
    """IPTC Photo Metadata Standard, `Digital Source Type`; `tool` is a program's name and version."""
    return PACKET.format(tool=escape(tool, quote=True), source=SOURCE_TYPE)
