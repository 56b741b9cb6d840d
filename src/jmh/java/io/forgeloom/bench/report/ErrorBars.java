package io.forgeloom.bench.report;

import java.awt.BasicStroke;
import java.awt.Color;
import java.awt.Font;
import java.awt.Graphics2D;
import java.awt.geom.Line2D;
import java.awt.geom.Path2D;
import java.awt.geom.Rectangle2D;
import java.util.List;
import java.util.function.DoubleUnaryOperator;
import org.jfree.chart.axis.CategoryAxis;
import org.jfree.chart.axis.ValueAxis;
import org.jfree.chart.plot.CategoryPlot;
import org.jfree.chart.renderer.category.BarRenderer;
import org.jfree.chart.renderer.category.CategoryItemRendererState;
import org.jfree.chart.renderer.category.StandardBarPainter;
import org.jfree.data.category.CategoryDataset;

/** Lying bars, each with its figure behind it, its spread across its end, and its bound as a dashed line over the row. */
final class ErrorBars extends BarRenderer {

    private static final long serialVersionUID = 1L;

    private static final BasicStroke THIN = new BasicStroke(1.2f);
    private static final BasicStroke HALO = new BasicStroke(3.4f);
    private static final BasicStroke DASHED =
            new BasicStroke(1.8f, BasicStroke.CAP_BUTT, BasicStroke.JOIN_MITER, 10f, new float[] {5f, 3f}, 0f);
    private static final Font SMALL = new Font(Font.SANS_SERIF, Font.PLAIN, 11);
    private static final int LABEL = 45;
    private static final Color SPREAD = new Color(0xb00020);

    private final transient List<Figure> figures;
    private double lowest;

    ErrorBars(List<Figure> figures) {
        this.figures = figures;
        setBarPainter(new StandardBarPainter());
        setShadowVisible(false);
        setDrawBarOutline(true);
        setDefaultOutlinePaint(Color.BLACK);
        setDefaultOutlineStroke(new BasicStroke(0.8f));
        setItemMargin(0.04);
    }

    /** A logarithmic axis has no zero: what is less stands here. */
    void setLowest(double lowest) {
        this.lowest = lowest;
    }

    @Override
    public void drawItem(
            Graphics2D graphics,
            CategoryItemRendererState state,
            Rectangle2D area,
            CategoryPlot plot,
            CategoryAxis names,
            ValueAxis axis,
            CategoryDataset data,
            int row,
            int column,
            int pass) {
        super.drawItem(graphics, state, area, plot, names, axis, data, row, column, pass);
        int visible = state.getVisibleSeriesIndex(row);
        Figure figure = figures.stream()
                .filter(one ->
                        one.peer().equals(data.getRowKey(row)) && one.row().equals(data.getColumnKey(column)))
                .findFirst()
                .orElse(null);
        if (visible < 0 || figure == null) {
            return;
        }
        double width = state.getBarWidth();
        double top = calculateBarW0(plot, plot.getOrientation(), area, names, state, visible, column);
        mark(
                graphics,
                figure,
                value -> axis.valueToJava2D(Math.max(lowest, value), area, plot.getRangeAxisEdge()),
                top,
                width);
    }

    private static void mark(Graphics2D graphics, Figure figure, DoubleUnaryOperator x, double top, double width) {
        double middle = top + width / 2;
        double low = x.applyAsDouble(figure.spread().low());
        double high = x.applyAsDouble(figure.spread().high());
        if (high - low > 1) {
            Path2D bar = new Path2D.Double();
            line(bar, low, middle, high, middle);
            line(bar, low, middle - width / 4, low, middle + width / 4);
            line(bar, high, middle - width / 4, high, middle + width / 4);
            // White around it, to be seen on the dark bar, too.
            graphics.setPaint(Color.WHITE);
            graphics.setStroke(HALO);
            graphics.draw(bar);
            graphics.setPaint(SPREAD);
            graphics.setStroke(THIN);
            graphics.draw(bar);
        }
        graphics.setPaint(Color.BLACK);
        graphics.setFont(SMALL);
        double end = Math.max(high, x.applyAsDouble(figure.value()));
        double bound = Double.isNaN(figure.bound()) ? 0 : x.applyAsDouble(figure.bound());
        if (end - 3 < bound && bound < end + LABEL) {
            end = bound;
        }
        graphics.drawString(Tables.number(figure.value()), (float) end + 5, (float) middle + 4);
        if (!Double.isNaN(figure.bound())) {
            graphics.setStroke(DASHED);
            graphics.draw(new Line2D.Double(bound, top - 5, bound, top + width + 5));
        }
    }

    private static void line(Path2D path, double fromX, double fromY, double toX, double toY) {
        path.moveTo(fromX, fromY);
        path.lineTo(toX, toY);
    }
}
