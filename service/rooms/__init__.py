"""What goes on in the rooms of this process: order and cursors, who is here, who reads and types, who is kept out.

May use identity and the brokers; of the sockets only how a text is made a frame.
"""
