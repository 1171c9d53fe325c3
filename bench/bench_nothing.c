/* A program that does nothing: what a start costs before any of it is Cinch's. */
int main(void)
{
    return 0;
}
