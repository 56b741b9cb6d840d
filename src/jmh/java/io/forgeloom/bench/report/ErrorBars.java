package io.forgeloom.bench.report;

import java.awt.BasicStroke;
import java.awt.Color;
import java.awt.Font;
import java.awt.Graphics2D;
import java.awt.geom.Line2D;
import java.awt.geom.Rectangle2D;
import java.util.List;
import org.jfree.chart.axis.CategoryAxis;
import org.jfree.chart.axis.ValueAxis;
import org.jfree.chart.plot.CategoryPlot;
import org.jfree.chart.renderer.category.BarRenderer;
import org.jfree.chart.renderer.category.CategoryItemRendererState;
import org.jfree.chart.renderer.category.StandardBarPainter;
import org.jfree.chart.ui.RectangleEdge;
import org.jfree.data.category.CategoryDataset;

/** Lying bars, each with its figure behind it, its spread across its end, and its bound as a dashed line over the row. */
final class ErrorBars extends BarRenderer {

    private static final long serialVersionUID = 1L;

    private static final BasicStroke THIN = new BasicStroke(1.2f);
    private static final BasicStroke DASHED =
            new BasicStroke(1.8f, BasicStroke.CAP_BUTT, BasicStroke.JOIN_MITER, 10f, new float[] {5f, 3f}, 0f);
    private static final Font SMALL = new Font(Font.SANS_SERIF, Font.PLAIN, 11);
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
        RectangleEdge edge = plot.getRangeAxisEdge();
        double width = state.getBarWidth();
        double top = calculateBarW0(plot, plot.getOrientation(), area, names, state, visible, column);
        double middle = top + width / 2;
        double low = axis.valueToJava2D(Math.max(lowest, figure.spread().low()), area, edge);
        double high = axis.valueToJava2D(Math.max(lowest, figure.spread().high()), area, edge);
        if (high - low > 1) {
            graphics.setStroke(THIN);
            graphics.setPaint(SPREAD);
            double cap = width / 4;
            graphics.draw(new Line2D.Double(low, middle, high, middle));
            graphics.draw(new Line2D.Double(low, middle - cap, low, middle + cap));
            graphics.draw(new Line2D.Double(high, middle - cap, high, middle + cap));
        }
        graphics.setPaint(Color.BLACK);
        graphics.setFont(SMALL);
        double end = Math.max(high, axis.valueToJava2D(Math.max(lowest, figure.value()), area, edge));
        graphics.drawString(Tables.number(figure.value()), (float) end + 5, (float) middle + 4);
        if (!Double.isNaN(figure.bound())) {
            graphics.setStroke(DASHED);
            double bound = axis.valueToJava2D(Math.max(lowest, figure.bound()), area, edge);
            graphics.draw(new Line2D.Double(bound, top - 5, bound, top + width + 5));
        }
    }
}
