"""How figures look: style, marks, legends and curves that several sections share."""
