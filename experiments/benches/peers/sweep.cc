// One TCP transfer of a given size over a link that loses data at random: one run of the scenario `bench-sweep` of protosim. A sweep is as many processes.
#include "common.h"

using namespace peers;

int
main(int argc, char** argv)
{
    const double begun = WallSeconds();
    uint64_t bytes = 1 << 20;
    double loss = 0;
    std::string rate = "10Mbps";
    std::string delay = "20ms";
    std::string congestion = "TcpCubic";
    bool count = false;
    CommandLine line(__FILE__);
    line.AddValue("bytes", "Length of the transfer", bytes);
    line.AddValue("loss", "Share of packets lost towards the receiver", loss);
    line.AddValue("rate", "Rate of the link", rate);
    line.AddValue("delay", "Delay of the link", delay);
    line.AddValue("congestion", "Congestion control, as in TcpCubic", congestion);
    line.AddValue("count", "Count packet-hops", count);
    line.Parse(argc, argv);

    ConfigureTcp(4 << 20, congestion);
    NodeContainer nodes(2);
    InstallInternet(nodes, "global");
    auto link = Link(rate, delay, "1000p");
    const auto ends = Join(link, nodes.Get(0), nodes.Get(1), 0);
    auto errors = CreateObject<RateErrorModel>();
    errors->SetUnit(RateErrorModel::ERROR_UNIT_PACKET);
    errors->SetRate(loss);
    DynamicCast<PointToPointNetDevice>(ends.second)->SetReceiveErrorModel(errors);
    Ipv4GlobalRoutingHelper::PopulateRoutingTables();

    TcpDrain drain(nodes.Get(1), 5001);
    TcpBulk source(nodes.Get(0), InetSocketAddress(ends.secondAddress, 5001), Time(0), bytes);
    Simulator::Stop(Seconds(600));
    Run(begun, count);

    Say("loss", loss);
    Say("bytes", double(drain.bytes));
    Say("received_after_s", drain.last.GetSeconds());
    Say("completed_after_s", source.ended.GetSeconds());
    return 0;
}
