package io.forgeloom.bench.report;

import java.text.FieldPosition;
import java.text.NumberFormat;
import java.text.ParsePosition;

/** Numbers of an axis, as {@link Tables#number} has them, without needless zeros. */
final class PlainNumbers extends NumberFormat {

    private static final long serialVersionUID = 1L;

    @Override
    public StringBuffer format(double number, StringBuffer text, FieldPosition position) {
        String plain = Tables.number(number);
        return text.append(plain.contains(".") ? plain.replaceAll("\\.?0+$", "") : plain);
    }

    @Override
    public StringBuffer format(long number, StringBuffer text, FieldPosition position) {
        return format((double) number, text, position);
    }

    @Override
    public Number parse(String text, ParsePosition position) {
        throw new UnsupportedOperationException("an axis reads nothing");
    }
}
