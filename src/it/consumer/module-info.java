/** A user's program: it names the library, and everything else follows from the library's own descriptor. */
module com.example.consumer {
    requires io.forgeloom;
}
