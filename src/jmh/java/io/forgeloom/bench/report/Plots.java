package io.forgeloom.bench.report;

import java.awt.BasicStroke;
import java.awt.Color;
import java.awt.Dimension;
import java.awt.Font;
import java.awt.geom.Rectangle2D;
import java.io.IOException;
import java.io.StringWriter;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import javax.xml.parsers.DocumentBuilderFactory;
import javax.xml.parsers.ParserConfigurationException;
import org.apache.batik.svggen.SVGGeneratorContext;
import org.apache.batik.svggen.SVGGraphics2D;
import org.jfree.chart.JFreeChart;
import org.jfree.chart.axis.AxisLocation;
import org.jfree.chart.axis.CategoryAxis;
import org.jfree.chart.axis.LogAxis;
import org.jfree.chart.axis.NumberAxis;
import org.jfree.chart.axis.NumberTickUnit;
import org.jfree.chart.axis.ValueAxis;
import org.jfree.chart.block.BlockBorder;
import org.jfree.chart.plot.CategoryPlot;
import org.jfree.chart.plot.PlotOrientation;
import org.jfree.chart.title.TextTitle;
import org.jfree.chart.ui.RectangleEdge;
import org.jfree.chart.ui.RectangleInsets;
import org.jfree.data.category.DefaultCategoryDataset;
import org.w3c.dom.Document;

/**
 * Figures as bars: a picture for each unit of a suite in which ours stands beside somebody or has a bound. The colours differ in their
 * light, too, for paper, and the background is white whatever the page's is. The same figures give the same bytes on one
 * machine: no date, no random id; where a text ends is the business of its fonts.
 */
final class Plots {

    private static final int WIDTH = 860;
    private static final int BAR = 17;
    private static final int GAP = 16;
    private static final int FRAME = 110;

    /** More than this between the least and the most, and the axis counts decades. */
    private static final double DECADES = 30;

    private static final Color OWN = new Color(0x12355b);
    private static final Color FLOOR = Color.WHITE;
    private static final List<Color> PEERS = List.of(
            new Color(0xc0702a), new Color(0xa8cdec), new Color(0x8aa07a), new Color(0xe4d9f0), new Color(0x5f4b8b));

    private static final Font TEXT = new Font(Font.SANS_SERIF, Font.PLAIN, 12);
    private static final Font HEAD = new Font(Font.SANS_SERIF, Font.BOLD, 14);

    private Plots() {}

    /** By the names of their files. */
    static Map<String, String> of(Suite suite, List<Figure> figures) throws IOException {
        Map<String, List<Figure>> byUnit = new LinkedHashMap<>();
        for (Figure figure : figures) {
            byUnit.computeIfAbsent(figure.unit(), key -> new ArrayList<>()).add(figure);
        }
        Map<String, String> plots = new LinkedHashMap<>();
        for (Map.Entry<String, List<Figure>> unit : byUnit.entrySet()) {
            List<Figure> its = unit.getValue();
            boolean compares =
                    Tables.peers(its).size() > 1 || its.stream().anyMatch(figure -> !Double.isNaN(figure.bound()));
            if (compares && its.stream().anyMatch(figure -> figure.value() > 0)) {
                plots.put(suite.name() + "-" + slug(unit.getKey()) + ".svg", svg(suite, unit.getKey(), its));
            }
        }
        return plots;
    }

    private static String slug(String unit) {
        return unit.toLowerCase(Locale.ROOT)
                .replace("µ", "u")
                .replace("×", "ratio")
                .replaceAll("[^a-z0-9]+", "-")
                .replaceAll("^-|-$", "");
    }

    private static String svg(Suite suite, String unit, List<Figure> figures) throws IOException {
        ErrorBars renderer = new ErrorBars(figures);
        colors(figures, renderer);
        DefaultCategoryDataset values = values(figures);
        CategoryPlot plot = new CategoryPlot(values, names(), axis(unit, figures, renderer), renderer);
        plot.setOrientation(PlotOrientation.HORIZONTAL);
        plot.setBackgroundPaint(Color.WHITE);
        plot.setRangeGridlinePaint(new Color(0xc8c8c8));
        plot.setRangeGridlineStroke(new BasicStroke(0.7f));
        plot.setOutlineVisible(false);
        plot.setRangeAxisLocation(AxisLocation.BOTTOM_OR_RIGHT);
        String title = suite.title() + ": " + unit + better(figures);
        JFreeChart chart = new JFreeChart(title, HEAD, plot, true);
        chart.setBackgroundPaint(Color.WHITE);
        chart.setPadding(new RectangleInsets(8, 8, 8, 24));
        chart.addSubtitle(subtitle(suite, figures));
        chart.getLegend().setItemFont(TEXT);
        chart.getLegend().setFrame(BlockBorder.NONE);
        return draw(chart, FRAME + values.getColumnCount() * (values.getRowCount() * BAR + GAP));
    }

    /** Each row with all who are compared, also those who have no figure in it: so that their order is that of the table. */
    private static DefaultCategoryDataset values(List<Figure> figures) {
        DefaultCategoryDataset values = new DefaultCategoryDataset();
        for (List<Figure> row : Tables.rows(figures).values()) {
            for (String peer : Tables.peers(figures)) {
                Number value = row.stream()
                        .filter(figure -> figure.peer().equals(peer))
                        .findFirst()
                        .map(Figure::value)
                        .orElse(null);
                values.addValue(value, peer, row.getFirst().row());
            }
        }
        return values;
    }

    private static void colors(List<Figure> figures, ErrorBars renderer) {
        int series = 0;
        int peers = 0;
        for (String peer : Tables.peers(figures)) {
            Role role = figures.stream()
                    .filter(figure -> figure.peer().equals(peer))
                    .findFirst()
                    .orElseThrow()
                    .role();
            Color color = switch (role) {
                case OURS -> OWN;
                case PEER -> PEERS.get(peers++ % PEERS.size());
                case FLOOR -> FLOOR;
            };
            renderer.setSeriesPaint(series++, color);
        }
    }

    private static TextTitle subtitle(Suite suite, List<Figure> figures) {
        boolean bound = figures.stream().anyMatch(figure -> !Double.isNaN(figure.bound()));
        TextTitle subtitle = new TextTitle(suite.spread() + (bound ? "; the dashed line: the bound" : ""), TEXT);
        subtitle.setPosition(RectangleEdge.TOP);
        return subtitle;
    }

    private static CategoryAxis names() {
        CategoryAxis names = new CategoryAxis();
        names.setTickLabelFont(TEXT);
        names.setMaximumCategoryLabelWidthRatio(0.32f);
        names.setMaximumCategoryLabelLines(3);
        names.setLowerMargin(0.01);
        names.setUpperMargin(0.01);
        names.setCategoryMargin(0.14);
        return names;
    }

    /** Where a unit has figures of both kinds, the title leaves it to the table. */
    private static String better(List<Figure> figures) {
        List<Better> all = figures.stream()
                .map(Figure::better)
                .filter(better -> better != Better.NEITHER)
                .distinct()
                .toList();
        return all.size() == 1 ? ", " + all.getFirst().name().toLowerCase(Locale.ROOT) + " is better" : "";
    }

    private static ValueAxis axis(String unit, List<Figure> figures, ErrorBars renderer) {
        double least = Double.MAX_VALUE;
        double most = 0;
        for (Figure figure : figures) {
            if (figure.value() > 0) {
                least = Math.min(least, figure.value());
            }
            most = Math.max(most, Math.max(figure.spread().high(), Double.isNaN(figure.bound()) ? 0 : figure.bound()));
        }
        ValueAxis axis;
        if (most / least > DECADES) {
            LogAxis log = new LogAxis(unit + " (logarithmic)");
            log.setNumberFormatOverride(new PlainNumbers());
            log.setTickUnit(new NumberTickUnit(1)); // a decade
            double lower = Math.pow(10, Math.floor(Math.log10(least) - 0.1));
            log.setRange(lower, most * Math.pow(most / lower, 0.12));
            renderer.setBase(lower);
            renderer.setLowest(lower);
            axis = log;
        } else {
            NumberAxis number = new NumberAxis(unit);
            number.setNumberFormatOverride(new PlainNumbers());
            number.setRange(0, most * 1.14);
            axis = number;
        }
        axis.setTickLabelFont(TEXT);
        axis.setLabelFont(TEXT);
        return axis;
    }

    private static String draw(JFreeChart chart, int height) throws IOException {
        try {
            Document document =
                    DocumentBuilderFactory.newInstance().newDocumentBuilder().newDocument();
            SVGGeneratorContext context = SVGGeneratorContext.createDefault(document);
            context.setComment(null);
            context.setPrecision(2);
            SVGGraphics2D graphics = new SVGGraphics2D(context, false);
            graphics.setSVGCanvasSize(new Dimension(WIDTH, height));
            chart.draw(graphics, new Rectangle2D.Double(0, 0, WIDTH, height));
            StringWriter text = new StringWriter();
            graphics.stream(text, true);
            return text.toString();
        } catch (ParserConfigurationException e) {
            throw new IllegalStateException("this JDK makes no XML documents", e);
        }
    }
}
